// Package pods judges the area "pods": their lifecycle, containers, logs and commands.
package pods

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// phases lists the phases that a pod was seen in, in order, each once in a row.
func phases(seen [][]*corev1.Pod) []corev1.PodPhase {
	var phases []corev1.PodPhase
	for _, state := range seen {
		for _, pod := range state {
			if pod.Status.Phase != "" {
				phases = append(phases, pod.Status.Phase)
			}
		}
	}
	return slices.Compact(phases)
}

// one is the condition that the watched pod exists and satisfies so.
func one(so func(*corev1.Pod) bool) func([]*corev1.Pod) bool {
	return func(pods []*corev1.Pod) bool { return len(pods) == 1 && so(pods[0]) }
}

var _ = Describe("phases and conditions", func() {
	f := New()

	f.It("pods/phases", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "runner")
		pod := Once("runner", "sleep", "10s")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("quick", "exit", "0"))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the pod has Succeeded", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded }))
		watched.MustNever(ctx, "its phase changes again", one(func(p *corev1.Pod) bool { return p.Status.Phase != corev1.PodSucceeded }), Quiet)
		Expect(phases(watched.Seen())).To(Equal([]corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded}))
	})

	f.It("pods/phase-failed", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "runner")
		pod := Once("runner", "sleep", "12s")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("fails", "exit", "1"))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "one container has failed, the other runs, the pod is Running", one(func(p *corev1.Pod) bool {
			return Status(p, "fails").State.Terminated != nil && Status(p, "main").State.Running != nil && Running(p)
		}))
		watched.MustReach(ctx, "the pod has Failed when both have ended", one(func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodFailed && Status(p, "main").State.Terminated != nil
		}))
	})

	f.It("pods/conditions", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "web")
		pod := Pod("web", "sleep", "1h")
		pod.Spec.InitContainers = []corev1.Container{Container("init", "sleep", "5s")}
		f.Create(ctx, pod)
		is := func(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus) bool {
			return PodCondition(pod, kind).Status == status
		}
		watched.MustReach(ctx, "it is scheduled, and not initialized nor ready", one(func(p *corev1.Pod) bool {
			return is(p, corev1.PodScheduled, corev1.ConditionTrue) && is(p, corev1.PodInitialized, corev1.ConditionFalse) &&
				is(p, corev1.ContainersReady, corev1.ConditionFalse) && is(p, corev1.PodReady, corev1.ConditionFalse)
		}))
		ready := watched.MustReach(ctx, "it is ready", one(Ready))[0]
		for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
			condition := PodCondition(ready, kind)
			Expect(condition.Status).To(Equal(corev1.ConditionTrue), "condition %s", kind)
			Expect(condition.LastTransitionTime.IsZero()).To(BeFalse(), "transition time of %s", kind)
		}
		scheduled, done := PodCondition(ready, corev1.PodScheduled).LastTransitionTime, PodCondition(ready, corev1.PodReady).LastTransitionTime
		Expect(scheduled.After(done.Time)).To(BeFalse(), "scheduled at %s, ready at %s", scheduled, done)
		Expect(ready.Status.StartTime).NotTo(BeNil())
		Expect(ready.Status.HostIP).NotTo(BeEmpty())
	})

	f.It("pods/readiness-gates", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "told")
		pod := Pod("told", "sleep", "1h")
		ReadyWhenTold(&pod.Spec)
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its containers are ready, but it is not", one(func(p *corev1.Pod) bool {
			return PodCondition(p, corev1.ContainersReady).Status == corev1.ConditionTrue &&
				PodCondition(p, corev1.PodReady).Reason == "ReadinessGatesNotReady"
		}))
		watched.MustNever(ctx, "it is ready before it is told", one(Ready), Quiet)
		f.TellReady(ctx, true, "told")
		watched.MustReach(ctx, "it is ready", one(Ready))
		f.TellReady(ctx, false, "told")
		watched.MustReach(ctx, "it is not ready again", one(func(p *corev1.Pod) bool { return Running(p) && !Ready(p) }))
	})

	f.It("pods/active-deadline", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "slow")
		pod := Pod("slow", "sleep", "1h")
		pod.Spec.ActiveDeadlineSeconds = ptr.To[int64](5)
		f.Create(ctx, pod)
		failed := watched.MustReach(ctx, "it has Failed for its deadline", one(func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodFailed && p.Status.Reason == "DeadlineExceeded"
		}))[0]
		Expect(failed.Status.StartTime).NotTo(BeNil())
		watched.MustReach(ctx, "its container has ended", one(func(p *corev1.Pod) bool { return Status(p, "main").State.Running == nil }))
		watched.MustNever(ctx, "it runs again", one(func(p *corev1.Pod) bool { return Status(p, "main").State.Running != nil }), Quiet)
	})
})
