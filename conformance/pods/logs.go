package pods

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("logs", func() {
	f := New()

	f.It("pods/logs", func(ctx SpecContext) {
		// The failing stat writes to standard error.
		f.Create(ctx, Once("speaks", "sh", "echo to output; stat /none-such; echo again"))
		f.WaitPodSucceeded(ctx, "speaks")
		log := f.Logs(ctx, "speaks", corev1.PodLogOptions{})
		Expect(log).To(And(ContainSubstring("to output\n"), ContainSubstring("/none-such"), ContainSubstring("again\n")))
		Expect(strings.Count(log, "\n")).To(Equal(3), "lines of %q", log)
	})

	f.It("pods/logs-by-container", func(ctx SpecContext) {
		pod := Once("pair", "echo", "from main")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "echo", "from beside"))
		pod.Spec.InitContainers = []corev1.Container{Container("init", "echo", "from init")}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "pair")
		for _, name := range []string{"main", "beside", "init"} {
			Expect(f.Logs(ctx, "pair", corev1.PodLogOptions{Container: name})).To(Equal("from " + name + "\n"))
		}
		_, err := f.TryLogs(ctx, "pair", corev1.PodLogOptions{})
		MustRefuse(err, http.StatusBadRequest, "a container name must be specified for pod pair, choose one of: [")
		_, err = f.TryLogs(ctx, "pair", corev1.PodLogOptions{Container: "none-such"})
		MustRefuse(err, http.StatusBadRequest, "container none-such is not valid for pod pair")
	})

	f.It("pods/logs-previous", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "again")
		// The second run stays, so that "previous" means the first.
		pod := Pod("again", "sh", "stat /shared/tried && echo second && sleep 1h; echo first; write /shared/tried yes; exit 1")
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it was restarted and runs", one(func(p *corev1.Pod) bool { return restarts("main", 1)(p) && Ready(p) }))
		f.WaitLog(ctx, "again", "main", "second")
		Expect(f.Logs(ctx, "again", corev1.PodLogOptions{})).NotTo(ContainSubstring("first"))
		previous := f.Logs(ctx, "again", corev1.PodLogOptions{Previous: true})
		Expect(previous).To(And(ContainSubstring("first"), Not(ContainSubstring("second"))))
		f.Create(ctx, Pod("never-restarted", "sleep", "1h"))
		f.WaitPodReady(ctx, "never-restarted")
		_, err := f.TryLogs(ctx, "never-restarted", corev1.PodLogOptions{Previous: true})
		MustRefuse(err, http.StatusBadRequest, "previous terminated container \"main\" in pod \"never-restarted\" not found")
	})

	f.It("pods/logs-options", func(ctx SpecContext) {
		f.Create(ctx, Once("lines", "log-lines", "10"), Pod("slow", "sh", "echo old; sleep 8; echo new; sleep 1h"))
		f.WaitPodSucceeded(ctx, "lines")
		read := func(options corev1.PodLogOptions) string { return f.Logs(ctx, "lines", options) }
		all := read(corev1.PodLogOptions{})
		Expect(strings.Count(all, "\n")).To(Equal(10))
		Expect(read(corev1.PodLogOptions{TailLines: ptr.To[int64](2)})).To(Equal("line 9\nline 10\n"))
		Expect(read(corev1.PodLogOptions{TailLines: ptr.To[int64](0)})).To(BeEmpty())
		Expect(read(corev1.PodLogOptions{TailLines: ptr.To[int64](99)})).To(Equal(all))
		Expect(read(corev1.PodLogOptions{LimitBytes: ptr.To[int64](8)})).To(Equal("line 1\nl"))
		for line := range strings.Lines(read(corev1.PodLogOptions{Timestamps: true})) {
			stamp, text, _ := strings.Cut(line, " ")
			_, err := time.Parse(time.RFC3339Nano, stamp)
			Expect(err).NotTo(HaveOccurred(), "the time in %q", line)
			Expect(text).To(HavePrefix("line "))
		}
		f.WaitLog(ctx, "slow", "main", "new")
		recent := f.Logs(ctx, "slow", corev1.PodLogOptions{SinceSeconds: ptr.To[int64](6)})
		Expect(recent).NotTo(ContainSubstring("old"), "what was written more than 6 s ago")
		_, err := f.TryLogs(ctx, "lines", corev1.PodLogOptions{TailLines: ptr.To[int64](-1)})
		MustRefuse(err, http.StatusUnprocessableEntity, "tailLines")
	})

	f.It("pods/logs-follow", func(ctx SpecContext) {
		f.Create(ctx, Once("counts", "sh", "echo begin; log-lines 5 --interval 3s; echo end"))
		f.WaitPodRunning(ctx, "counts")
		log := f.FollowLogs(ctx, "counts", "main")
		log.WaitLine(ctx, f, "line 2")
		Expect(log.LineTime("end").IsZero()).To(BeTrue(), "lines arrive as they are written")
		Expect(log.WaitEnd(ctx, f)).To(Equal([]string{"begin", "line 1", "line 2", "line 3", "line 4", "line 5", "end"}))
		Expect(log.LineTime("end").Sub(log.LineTime("line 2"))).To(BeNumerically(">", time.Second))
	})

	f.It("pods/logs-gone", func(ctx SpecContext) {
		pod := Pod("brief", "sh", "echo here; sleep 1h")
		f.Create(ctx, pod)
		f.WaitLog(ctx, "brief", "main", "here")
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		_, err := f.TryLogs(ctx, "brief", corev1.PodLogOptions{})
		MustBeMissing(err)
	})
})
