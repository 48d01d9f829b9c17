package pods

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// begun says that a container of the pod has started at some time.
func begun(pod *corev1.Pod, container string) bool {
	status := Status(pod, container)
	return status.State.Running != nil || status.State.Terminated != nil || status.RestartCount > 0
}

var _ = Describe("init containers", func() {
	f := New()

	f.It("pods/init-order", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "steps")
		pod := Once("steps", "sh", "append /steps/log main; cat /steps/log")
		// The first is slow: had the second not waited, its line would come first.
		pod.Spec.InitContainers = []corev1.Container{
			Container("first", "sh", "sleep 3; append /steps/log first"),
			Container("second", "sh", "append /steps/log second"),
		}
		SharedDir(&pod.Spec, "/steps")
		watched.Throughout(ctx, "a container starts only when the one before has ended with 0", func(pods []*corev1.Pod) string {
			order := []string{"first", "second", "main"}
			for _, p := range pods {
				for i := range order[1:] {
					before := Status(p, order[i]).State.Terminated
					if begun(p, order[i+1]) && (before == nil || before.ExitCode != 0) {
						return order[i+1] + " has started before " + order[i] + " has succeeded"
					}
				}
			}
			return ""
		})
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "steps")
		Expect(f.Logs(ctx, "steps", corev1.PodLogOptions{Container: "main"})).To(Equal("first\nsecond\nmain\n"))
	})

	f.It("pods/init-retried", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "steps")
		pod := Pod("steps", "sleep", "1h")
		pod.Spec.InitContainers = []corev1.Container{
			Container("flaky", "sh", "stat /steps/tried && exit 0; write /steps/tried yes; exit 1"), Container("later", "exit", "0"),
		}
		SharedDir(&pod.Spec, "/steps")
		watched.Throughout(ctx, "no later container starts before the failing one has succeeded", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				flaky := Status(p, "flaky").State.Terminated
				if (begun(p, "later") || begun(p, "main")) && (flaky == nil || flaky.ExitCode != 0) {
					return "a later container has started"
				}
			}
			return ""
		})
		f.Create(ctx, pod)
		ready := watched.MustReach(ctx, "it is ready", one(Ready))[0]
		Expect(Status(ready, "flaky").RestartCount).To(BeEquivalentTo(1))
	})

	f.It("pods/init-failed", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "steps")
		pod := Once("steps", "sleep", "1h")
		pod.Spec.InitContainers = []corev1.Container{Container("fails", "exit", "5"), Container("later", "exit", "0")}
		f.Create(ctx, pod)
		failed := watched.MustReach(ctx, "it has Failed", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }))[0]
		Expect(Status(failed, "fails").State.Terminated).To(HaveField("ExitCode", BeEquivalentTo(5)))
		watched.MustNever(ctx, "a later container starts", one(func(p *corev1.Pod) bool { return begun(p, "later") || begun(p, "main") }), Quiet)
		Expect(PodCondition(watched.Now()[0], corev1.PodInitialized).Status).To(Equal(corev1.ConditionFalse))
	})
})
