package pods

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// runs describes a hook that runs the tool with args in the container.
func runs(args ...string) *corev1.LifecycleHandler {
	return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: append([]string{"/tool"}, args...)}}
}

var _ = Describe("hooks", func() {
	f := New()

	f.It("pods/pre-stop", func(ctx SpecContext) {
		pod := Server("hooked")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
		// What the hook writes to the main process's output is in the container's log.
		pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{
			PreStop: runs("sh", "append /proc/1/fd/1 hook begins; sleep 3; append /proc/1/fd/1 hook ends")}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "hooked")
		log := f.FollowLogs(ctx, "hooked", "main")
		f.Delete(ctx, pod)
		lines := log.WaitEnd(ctx, f)
		at := func(text string) int {
			return slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, text) })
		}
		Expect(at("hook begins")).To(BeNumerically(">=", 0), "the hook ran: %v", lines)
		Expect(at("hook ends")).To(BeNumerically(">", at("hook begins")), "the hook ran to its end: %v", lines)
		Expect(at("got SIGTERM")).To(BeNumerically(">", at("hook ends")), "SIGTERM came after the hook: %v", lines)
		f.WaitGone(ctx, pod)
	})

	f.It("pods/post-start", func(ctx SpecContext) {
		hooked := Pod("hooked", "sleep", "1h")
		hooked.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: runs("write", "/hooked", "yes")}
		broken := Pod("broken", "sleep", "1h")
		broken.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: runs("exit", "1")}
		watched := f.WatchPod(ctx, "broken")
		f.Create(ctx, hooked, broken)
		f.WaitPodReady(ctx, "hooked")
		Expect(f.MustExec(ctx, "hooked", "", "/tool", "cat", "/hooked")).To(Equal("yes"))
		watched.MustReach(ctx, "its container was killed and restarted", one(restarts("main", 1)))
		f.WaitEvent(ctx, broken, "FailedPostStartHook")
		for _, state := range watched.Seen() {
			Expect(Where(state, Ready)).To(BeEmpty(), "a container whose hook failed was ready")
		}
	})

	f.It("pods/termination-message", func(ctx SpecContext) {
		pod := Once("speaks", "sh", "write /dev/termination-log the usual place; exit 1")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("elsewhere", "write", "/dev/my-log", "another place"))
		pod.Spec.Containers[1].TerminationMessagePath = "/dev/my-log"
		f.Create(ctx, pod)
		failed := f.WaitPodFailed(ctx, "speaks")
		Expect(strings.TrimSpace(Terminated(failed, "main").Message)).To(Equal("the usual place"))
		Expect(strings.TrimSpace(Terminated(failed, "elsewhere").Message)).To(Equal("another place"), "after success too")
	})

	f.It("pods/termination-message-from-log", func(ctx SpecContext) {
		pod := Once("speaks", "sh", "echo the last words; exit 1")
		pod.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		pod.Spec.Containers = append(pod.Spec.Containers, Container("succeeds", "echo", "no message"), Container("by-file", "sh", "echo no message; exit 1"))
		pod.Spec.Containers[1].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		f.Create(ctx, pod)
		failed := f.WaitPodFailed(ctx, "speaks")
		Expect(strings.TrimSpace(Terminated(failed, "main").Message)).To(Equal("the last words"))
		Expect(Terminated(failed, "succeeds").Message).To(BeEmpty(), "it did not fail")
		Expect(Terminated(failed, "by-file").Message).To(BeEmpty(), "its policy is File")
	})
})
