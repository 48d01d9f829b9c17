package pods

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("options of logs", func() {
	f := New()

	f.It("pods/logs-combined", func(ctx SpecContext) {
		f.Create(ctx, Once("lines", "sh", "log-lines 5; sleep 4; echo late 1; echo late 2; echo late 3"))
		f.WaitPodSucceeded(ctx, "lines")
		var first, late time.Time
		for line := range strings.Lines(f.Logs(ctx, "lines", corev1.PodLogOptions{Timestamps: true})) {
			stamp, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			at, err := time.Parse(time.RFC3339Nano, stamp)
			Expect(err).NotTo(HaveOccurred())
			switch text {
			case "line 5":
				first = at
			case "late 1":
				late = at
			}
		}
		// SinceTime counts in whole seconds, and the pause is longer than two.
		between := metav1.NewTime(first.Add(late.Sub(first) / 2).Truncate(time.Second))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &between})).To(Equal("late 1\nlate 2\nlate 3\n"))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &between, TailLines: ptr.To[int64](2)})).To(Equal("late 2\nlate 3\n"))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &between, TailLines: ptr.To[int64](5)})).To(Equal("late 1\nlate 2\nlate 3\n"))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &between, LimitBytes: ptr.To[int64](9)})).To(Equal("late 1\nla"))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{TailLines: ptr.To[int64](4), LimitBytes: ptr.To[int64](14)})).To(Equal("line 5\nlate 1\n"))
		stamped := f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &between, TailLines: ptr.To[int64](1), Timestamps: true})
		Expect(stamped).To(MatchRegexp(`^\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d) late 3\n$`))
		future := metav1.NewTime(time.Now().Add(time.Hour))
		Expect(f.Logs(ctx, "lines", corev1.PodLogOptions{SinceTime: &future})).To(BeEmpty())
	})

	f.It("pods/logs-invalid", func(ctx SpecContext) {
		f.Create(ctx, Pod("main", "sleep", "1h"))
		f.WaitPodReady(ctx, "main")
		for field, options := range map[string]corev1.PodLogOptions{
			"sinceSeconds": {SinceSeconds: ptr.To[int64](0)}, "limitBytes": {LimitBytes: ptr.To[int64](0)}, "tailLines": {TailLines: ptr.To[int64](-1)},
		} {
			_, err := f.TryLogs(ctx, "main", options)
			MustRefuse(err, http.StatusUnprocessableEntity, field)
		}
		now := metav1.Now()
		_, err := f.TryLogs(ctx, "main", corev1.PodLogOptions{SinceSeconds: ptr.To[int64](5), SinceTime: &now})
		MustRefuse(err, http.StatusUnprocessableEntity, "at most one of `sinceTime` or `sinceSeconds` may be specified")
		_, err = f.TryLogs(ctx, "none-such", corev1.PodLogOptions{})
		MustBeMissing(err)
	})

	f.It("pods/logs-waiting", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "waits")
		pod := Pod("waits", "sleep", "1h")
		pod.Spec.Containers[0].Image = noSuchImage
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it waits for its image", one(func(p *corev1.Pod) bool { return WaitingReason(p, "main") == "ImagePullBackOff" }))
		f.WaitUntil(ctx, "the refusal says why there is no log", PodTimeout, func(ctx context.Context) (bool, string) {
			_, err := f.TryLogs(ctx, "waits", corev1.PodLogOptions{})
			text := fmt.Sprint(err)
			return strings.Contains(text, `container "main" in pod "waits" is waiting to start: `) && strings.Contains(text, "pull"), text
		})
		_, err := f.TryLogs(ctx, "waits", corev1.PodLogOptions{})
		MustRefuse(err, http.StatusBadRequest)
	})

	f.It("pods/logs-follow-new", func(ctx SpecContext) {
		f.Create(ctx, Once("counts", "sh", "echo old; sleep 8; echo new; exit 0"))
		f.WaitLog(ctx, "counts", "main", "old")
		text := f.Logs(ctx, "counts", corev1.PodLogOptions{Follow: true, TailLines: ptr.To[int64](0)})
		Expect(text).To(Equal("new\n"), "what was written after the call, to the container's end")
	})

	f.It("pods/logs-collected", func(ctx SpecContext) {
		speaker := Pod("speaks", "sh", "echo to be collected; sleep 1h")
		f.Create(ctx, speaker)
		said := f.WaitPodReady(ctx, "speaks")
		agent := Pod("agent", "sleep", "1h")
		agent.Spec.NodeName = said.Spec.NodeName
		// Where it is on the node, so that links lead to where they do there.
		agent.Spec.Volumes = []corev1.Volume{{Name: "log", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log"}}}}
		agent.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "log", MountPath: "/var/log", ReadOnly: true}}
		f.Create(ctx, agent)
		f.WaitPodReady(ctx, "agent")
		_, id, _ := strings.Cut(Status(said, "main").ContainerID, "://")
		file := fmt.Sprintf("/var/log/containers/speaks_%s_main-%s.log", f.Namespace, id)
		f.WaitUntil(ctx, file+" has what the container wrote", PodTimeout, func(ctx context.Context) (bool, string) {
			got, err := f.TryExec(ctx, "agent", "", nil, "/tool", "cat", file)
			return err == nil && strings.Contains(got.Stdout, " stdout F to be collected\n"), fmt.Sprint(got, err)
		})
		f.Delete(ctx, speaker)
		f.WaitUntil(ctx, "it is gone with its pod", SettleTimeout, func(ctx context.Context) (bool, string) {
			got, err := f.TryExec(ctx, "agent", "", nil, "/tool", "ls", "/var/log/containers")
			return err == nil && got.Code == 0 && !strings.Contains(got.Stdout, id), fmt.Sprint(got, err)
		})
	})

	f.It("pods/logs-after-the-end", func(ctx SpecContext) {
		f.Create(ctx, Once("ended", "sh", "echo said; exit 3"))
		f.WaitPodFailed(ctx, "ended")
		Expect(f.Logs(ctx, "ended", corev1.PodLogOptions{})).To(Equal("said\n"))
		Expect(f.Logs(ctx, "ended", corev1.PodLogOptions{Follow: true})).To(Equal("said\n"), "following ends at once")
	})

	f.It("pods/logs-long-lines", func(ctx SpecContext) {
		// Runtimes store long lines in parts.
		f.Create(ctx, Once("long", "sh", "echo "+strings.Repeat("0123456789", 5000)+"; echo short"))
		f.WaitPodSucceeded(ctx, "long")
		Expect(f.Logs(ctx, "long", corev1.PodLogOptions{}) == strings.Repeat("0123456789", 5000)+"\nshort\n").To(BeTrue(), "a line of 50,000 bytes is whole")
	})
})
