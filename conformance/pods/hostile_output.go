package pods

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("hostile output", func() {
	f := New()

	f.It("pods/hostile-log-flood", func(ctx SpecContext) {
		pod := Once("flood", "flood", "1048576", "4s")
		f.Create(ctx, pod)
		node := f.WaitPodRunning(ctx, "flood").Spec.NodeName
		followed := f.FollowLogs(ctx, "flood", "main")
		f.MustServe(ctx, node)
		lines := followed.WaitEnd(ctx, f)
		Expect(len(lines)).To(BeNumerically(">", 10_000), "lines of four megabytes")
		for i, line := range lines[:len(lines)-1] {
			if !strings.HasPrefix(line, fmt.Sprintf("line %d x", i+1)) || len(line) != 99 {
				Fail(fmt.Sprintf("wanted: line %d of the log as it was written\n  seen: %q", i+1, line))
			}
		}
		Expect(lines[len(lines)-1]).To(Equal(fmt.Sprintf("flooded %d", len(lines)-1)))
		Expect(f.Logs(ctx, "flood", corev1.PodLogOptions{TailLines: ptr.To[int64](1)})).To(Equal(lines[len(lines)-1]+"\n"), "its last line")
	})

	f.It("pods/hostile-long-line", func(ctx SpecContext) {
		pod := Once("endless", "long-line", "3")
		f.Create(ctx, pod)
		node := f.WaitPodSucceeded(ctx, "endless").Spec.NodeName
		log := f.Logs(ctx, "endless", corev1.PodLogOptions{})
		Expect(len(log)).To(Equal(3<<20+1), "length of the log")
		Expect(strings.Count(log, "\n")).To(Equal(1), "lines of the log")
		Expect(log == strings.Repeat("0123456789abcdef", 3<<16)+"\n").To(BeTrue(), "the log is what was written")
		Expect(f.Logs(ctx, "endless", corev1.PodLogOptions{LimitBytes: ptr.To[int64](1000)})).To(Equal(log[:1000]), "its beginning")
		f.MustServe(ctx, node)
	})

	f.It("pods/termination-message-long", func(ctx SpecContext) {
		pod := Once("speaks", "sh", "fill /dev/termination-log 1; exit 1")
		f.Create(ctx, pod)
		message := Terminated(f.WaitPodFailed(ctx, "speaks"), "main").Message
		Expect(len(message)).To(Equal(4096), "bytes of the message")
		Expect(message).To(HavePrefix("0123456789abcdef"))
	})

	f.It("pods/termination-message-link", func(ctx SpecContext) {
		// Where the message is to be, a volume has a link to a file that the node has too.
		pod := Once("points", "sh", "write /data/message mine; exit 1")
		SharedDir(&pod.Spec, "/data")
		pod.Spec.InitContainers = []corev1.Container{Container("first", "symlink", "/etc/passwd", "/data/message")}
		pod.Spec.InitContainers[0].VolumeMounts = pod.Spec.Containers[0].VolumeMounts
		pod.Spec.Containers[0].TerminationMessagePath = "/data/message"
		watched := f.WatchPod(ctx, "points")
		f.Create(ctx, pod)
		seen := watched.MustReach(ctx, "its container has ended or cannot start", one(func(p *corev1.Pod) bool {
			return Ended(p) || WaitingReason(p, "main") == "CreateContainerError" || WaitingReason(p, "main") == "RunContainerError"
		}))[0]
		if ended := Terminated(seen, "main"); ended != nil {
			Expect(ended.Message).NotTo(ContainSubstring("root:"), "the message tells of another file")
		}
		f.MustServe(ctx, seen.Spec.NodeName)
	})
})
