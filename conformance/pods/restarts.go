package pods

import (
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// restarts is the condition that a container was restarted at least so often.
func restarts(container string, n int32) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return Status(pod, container).RestartCount >= n }
}

var _ = Describe("restarts", func() {
	f := New()

	f.It("pods/restart-always", func(ctx SpecContext) {
		for name, code := range map[string]string{"succeeds": "0", "fails": "3"} {
			watched := f.WatchPod(ctx, name)
			f.Create(ctx, Pod(name, "exit", code))
			first := watched.MustReach(ctx, "it is on a node", one(func(p *corev1.Pod) bool { return p.Spec.NodeName != "" }))[0]
			again := watched.MustReach(ctx, "its container was restarted twice", one(restarts("main", 2)))[0]
			Expect(again.UID).To(Equal(first.UID))
			Expect(again.Spec.NodeName).To(Equal(first.Spec.NodeName))
			for _, state := range watched.Seen() {
				for _, pod := range state {
					Expect(Ended(pod)).To(BeFalse(), "a pod that restarts was seen as %s", pod.Status.Phase)
				}
			}
		}
	})

	f.It("pods/restart-on-failure", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "retries")
		// The first run leaves a file and fails, the second finds it and succeeds.
		pod := Pod("retries", "sh", "stat /shared/tried && exit 0; write /shared/tried yes; exit 1")
		pod.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		done := watched.MustReach(ctx, "it has Succeeded", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded }))[0]
		Expect(Status(done, "main").RestartCount).To(BeEquivalentTo(1))
		watched.MustNever(ctx, "a container that succeeded is restarted", one(restarts("main", 2)), Quiet)
	})

	f.It("pods/restart-never", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "once")
		f.Create(ctx, Once("once", "exit", "3"))
		watched.MustReach(ctx, "it has Failed", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }))
		watched.MustNever(ctx, "its container is restarted", one(restarts("main", 1)), Quiet)
	})

	f.It("pods/restart-back-off", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "crashes")
		f.Create(ctx, Pod("crashes", "exit", "1"))
		watched.MustReach(ctx, "it waits in CrashLoopBackOff after its first restart", one(func(p *corev1.Pod) bool {
			return Status(p, "main").RestartCount == 1 && WaitingReason(p, "main") == "CrashLoopBackOff"
		}))
		watched.MustReach(ctx, "it waits after its third", one(func(p *corev1.Pod) bool {
			return Status(p, "main").RestartCount == 3 && WaitingReason(p, "main") == "CrashLoopBackOff"
		}))
		runs := runsOf(watched.Seen(), "main")
		Expect(len(runs)).To(BeNumerically(">=", 3), "runs of the container that were seen")
		last := runs[len(runs)-3:]
		first, second := last[1].StartedAt.Sub(last[0].FinishedAt.Time), last[2].StartedAt.Sub(last[1].FinishedAt.Time)
		// Times are cut to the second; a delay is a lower bound, as a busy kubelet comes late to either.
		Expect(first).To(BeNumerically(">=", 9*time.Second), "delay before the second restart")
		Expect(second).To(And(BeNumerically(">=", 19*time.Second), BeNumerically(">", first)), "delay before the third, after %s before the second", first)
		f.WaitEvent(ctx, watched.Now()[0], "BackOff")
	}, SpecTimeout(BackOffTimeout+SettleTimeout))

	f.It("pods/restart-clean-filesystem", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "messy")
		f.Create(ctx, Pod("messy", "sh", "stat /mess && echo found || echo clean; write /mess here; exit 1"))
		watched.MustReach(ctx, "it was restarted", one(func(p *corev1.Pod) bool { return restarts("main", 1)(p) && Terminated(p, "main") != nil }))
		f.WaitLog(ctx, "messy", "main", "clean")
		Expect(f.Logs(ctx, "messy", corev1.PodLogOptions{})).NotTo(ContainSubstring("found"))
	})

	f.It("pods/empty-dir-outlives-containers", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "keeper")
		pod := Pod("keeper", "sh", "ls /kept; append /kept/runs run; cat /kept/runs; exit 1")
		SharedDir(&pod.Spec, "/kept")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it was restarted", one(restarts("main", 1)))
		f.WaitLog(ctx, "keeper", "main", "run\nrun\n")
		fresh := Once("fresh", "ls", "/kept")
		SharedDir(&fresh.Spec, "/kept")
		f.Create(ctx, fresh)
		f.WaitPodSucceeded(ctx, "fresh")
		Expect(f.Logs(ctx, "fresh", corev1.PodLogOptions{})).To(BeEmpty(), "what a new pod's directory holds")
	})

	f.It("pods/exit-code", func(ctx SpecContext) {
		f.Create(ctx, Once("succeeds", "exit", "0"), Once("fails", "exit", "42"))
		good := Status(f.WaitPodSucceeded(ctx, "succeeds"), "main").State.Terminated
		Expect(good.ExitCode).To(BeZero())
		Expect(good.Reason).To(Equal("Completed"))
		bad := Status(f.WaitPodFailed(ctx, "fails"), "main").State.Terminated
		Expect(bad.ExitCode).To(BeEquivalentTo(42))
		Expect(bad.Reason).To(Equal("Error"))
		Expect(bad.FinishedAt.Before(&bad.StartedAt)).To(BeFalse(), "started %s, finished %s", bad.StartedAt, bad.FinishedAt)
		Expect(bad.ContainerID).To(ContainSubstring("://"))

		watched := f.WatchPod(ctx, "restarted")
		f.Create(ctx, Pod("restarted", "exit", "7"))
		pod := watched.MustReach(ctx, "it was restarted", one(func(p *corev1.Pod) bool {
			return restarts("main", 1)(p) && Status(p, "main").LastTerminationState.Terminated != nil
		}))[0]
		last := Status(pod, "main").LastTerminationState.Terminated
		Expect(last.ExitCode).To(BeEquivalentTo(7))
		Expect(last.Reason).To(Equal("Error"))
	})

	f.It("pods/exit-code-of-signals", func(ctx SpecContext) {
		obeys, ignores := Once("obeys", "sleep", "1h"), Once("ignores", "--ignore-sigterm", "sleep", "1h")
		for _, pod := range []*corev1.Pod{obeys, ignores} {
			pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](3)
			f.Create(ctx, pod)
			f.WaitPodRunning(ctx, pod.Name)
			f.Patch(ctx, pod, `{"spec":{"activeDeadlineSeconds":1}}`)
		}
		for name, code := range map[string]int{"obeys": 143, "ignores": 137} {
			watched := f.WatchPod(ctx, name)
			pod := watched.MustReach(ctx, "it has Failed and its container has ended", one(func(p *corev1.Pod) bool {
				return p.Status.Phase == corev1.PodFailed && Status(p, "main").State.Terminated != nil
			}))[0]
			Expect(Status(pod, "main").State.Terminated.ExitCode).To(BeEquivalentTo(code), "exit code of the container that %s SIGTERM", name)
		}
	})
})

// runsOf collects how each run of a container ended, oldest first.
func runsOf(seen [][]*corev1.Pod, container string) []corev1.ContainerStateTerminated {
	byID := map[string]corev1.ContainerStateTerminated{}
	for _, state := range seen {
		for _, pod := range state {
			if ended := Terminated(pod, container); ended != nil {
				byID[ended.ContainerID] = *ended
			}
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b corev1.ContainerStateTerminated) int {
		return a.StartedAt.Compare(b.StartedAt.Time)
	})
}
