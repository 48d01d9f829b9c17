package deployments

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// atLeast is the invariant that so many pods are available.
func atLeast(least int) func([]*corev1.Pod) string {
	return func(pods []*corev1.Pod) string {
		if ready := Where(pods, Ready); len(ready) < least {
			return fmt.Sprintf("%d available pods, fewer than %d: %v", len(ready), least, Names(ready))
		}
		return ""
	}
}

// atMost is the invariant that the ReplicaSets together never want more pods. It is judged on
// what they want, not on pods: ReplicaSets are brought about independently of each other, and
// one may make a pod before another has removed its own.
func atMost(most int) func([]*appsv1.ReplicaSet) string {
	return func(sets []*appsv1.ReplicaSet) string {
		sum := 0
		for _, rs := range sets {
			sum += int(*rs.Spec.Replicas)
		}
		if sum > most {
			return fmt.Sprintf("%d pods are wanted at a time, more than %d", sum, most)
		}
		return ""
	}
}

// judge adds both invariants, from now on.
func judge(ctx context.Context, sets *Observer[*appsv1.ReplicaSet], pods *Observer[*corev1.Pod], most, least int) {
	sets.Throughout(ctx, fmt.Sprintf("at most %d pods", most), atMost(most))
	pods.Throughout(ctx, fmt.Sprintf("at least %d available pods", least), atLeast(least))
}

// bounds makes a rolling update with absolute bounds.
func bounds(surge, unavailable int) appsv1.DeploymentStrategy {
	return appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
		MaxSurge: ptr.To(intstr.FromInt(surge)), MaxUnavailable: ptr.To(intstr.FromInt(unavailable)),
	}}
}

var _ = Describe("rolling updates", func() {
	f := New()

	// rolls makes a Deployment, updates it and judges every state until the new pods are all there.
	rolls := func(ctx SpecContext, replicas int32, strategy appsv1.DeploymentStrategy, most, least int) {
		GinkgoHelper()
		pods, sets := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", replicas, Pod("web", "sleep", "1h"))
		d.Spec.Strategy = strategy
		f.Create(ctx, d)
		old := pods.MustReach(ctx, "all pods are ready", Exactly(int(replicas), Ready))
		f.WaitRolled(ctx, "web")
		judge(ctx, sets, pods, most, least)
		update(ctx, f, d, "2")
		pods.MustReach(ctx, "all pods are new and ready", func(now []*corev1.Pod) bool {
			for _, pod := range old {
				if len(Where(now, Is(pod))) > 0 {
					return false
				}
			}
			return len(now) == int(replicas) && len(Where(now, Ready)) == int(replicas)
		})
	}

	f.It("deployments/rolling-bounds", func(ctx SpecContext) {
		rolls(ctx, 4, appsv1.DeploymentStrategy{}, 5, 3)
	})

	f.It("deployments/rolling-surge-only", func(ctx SpecContext) {
		rolls(ctx, 3, bounds(1, 0), 4, 3)
	})

	f.It("deployments/rolling-unavailable-only", func(ctx SpecContext) {
		rolls(ctx, 3, bounds(0, 1), 3, 2)
	})

	f.It("deployments/stuck-rollout-keeps-old", func(ctx SpecContext) {
		pods, sets := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 4, Pod("web", "sleep", "1h"))
		f.Create(ctx, d)
		pods.MustReach(ctx, "all pods are ready", Exactly(4, Ready))
		f.WaitRolled(ctx, "web")
		judge(ctx, sets, pods, 5, 3)
		f.Edit(ctx, d, func() { ReadyWhenTold(&d.Spec.Template.Spec) })
		sets.MustReach(ctx, "3 pods are old, 2 new", func(sets []*appsv1.ReplicaSet) bool { return sized("1", 3)(sets) && sized("2", 2)(sets) })
		sets.MustNever(ctx, "the rollout goes on without new pods being ready", func(sets []*appsv1.ReplicaSet) bool {
			return !sized("1", 3)(sets) || !sized("2", 2)(sets)
		}, Quiet)
		status := f.WaitDeployment(ctx, "web", "has 3 available pods, 2 of 5 updated", func(d *appsv1.Deployment) bool {
			return d.Status.AvailableReplicas == 3 && d.Status.UpdatedReplicas == 2 && d.Status.Replicas == 5
		}).Status
		Expect(status.UnavailableReplicas).To(BeEquivalentTo(2))
	})

	f.It("deployments/min-ready-seconds", func(ctx SpecContext) {
		const wait = 5
		pods := f.WatchPods(ctx, "app=web")
		d := Deployment("web", 1, Pod("web", "sleep", "1h"))
		d.Spec.Strategy, d.Spec.MinReadySeconds = bounds(1, 0), wait
		f.Create(ctx, d)
		old := pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0]
		f.WaitRolled(ctx, "web")
		update(ctx, f, d, "2")
		both := pods.MustReach(ctx, "old and new pod are ready", Exactly(2, Ready))
		ready := ReadySince(Where(both, Ready, func(p *corev1.Pod) bool { return p.UID != old.UID })[0], pods.ReachedAt())
		pods.MustReach(ctx, "the old pod goes", func(now []*corev1.Pod) bool { return len(Where(now, Is(old), Active)) == 0 })
		// The condition's time is cut to the second.
		Expect(pods.ReachedAt().Sub(ready)).To(BeNumerically(">=", (wait-2)*time.Second), "time from the new pod's readiness to the old one's end")
	})

	f.It("deployments/recreate", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		// Slow to end, so that an impatient implementation shows.
		pod := Server("web", "--shutdown-delay", "2s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](20)
		d := Deployment("web", 2, pod)
		d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
		f.Create(ctx, d)
		old := pods.MustReach(ctx, "all pods are ready", Exactly(2, Ready))
		f.WaitRolled(ctx, "web")
		isOld := func(p *corev1.Pod) bool { return len(Where(old, Is(p))) > 0 }
		isNew := func(p *corev1.Pod) bool { return !isOld(p) }
		alive := func(p *corev1.Pod) bool { return !Ended(p) }
		pods.Throughout(ctx, "no new pod is made while an old one has not ended", func(now []*corev1.Pod) string {
			if before, after := Where(now, isOld, alive), Where(now, isNew); len(before) > 0 && len(after) > 0 {
				return fmt.Sprintf("the new pods %v exist beside the old %v", Names(after), Names(before))
			}
			return ""
		})
		update(ctx, f, d, "2")
		pods.MustReach(ctx, "no pod is left alive", Exactly(0, alive))
		pods.MustReach(ctx, "the new pods are ready, and no other is left", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, isNew, Ready)) == 2
		})
	})

	f.It("deployments/rollover", func(ctx SpecContext) {
		pods, sets := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 4, Pod("web", "sleep", "1h"))
		f.Create(ctx, d)
		pods.MustReach(ctx, "all pods are ready", Exactly(4, Ready))
		f.WaitRolled(ctx, "web")
		f.Edit(ctx, d, func() { ReadyWhenTold(&d.Spec.Template.Spec) })
		sets.MustReach(ctx, "the second revision is under way and stuck", func(sets []*appsv1.ReplicaSet) bool {
			return sized("1", 3)(sets) && sized("2", 2)(sets)
		})
		judge(ctx, sets, pods, 5, 3)
		f.Edit(ctx, d, func() {
			d.Spec.Template.Spec.ReadinessGates = nil
			ChangeTemplate(&d.Spec.Template, "3")
		})
		// Its pods are never ready: waiting for them would take forever.
		sets.MustReach(ctx, "the second revision is given up, the third complete", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 3 && sized("1", 0)(sets) && sized("2", 0)(sets) && sized("3", 4)(sets)
		})
		f.WaitRolled(ctx, "web")
	})

	f.It("deployments/proportional-scaling", func(ctx SpecContext) {
		pods, sets := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 4, Pod("web", "sleep", "1h"))
		d.Spec.Strategy = bounds(0, 1)
		f.Create(ctx, d)
		pods.MustReach(ctx, "all pods are ready", Exactly(4, Ready))
		f.WaitRolled(ctx, "web")
		f.Edit(ctx, d, func() { ReadyWhenTold(&d.Spec.Template.Spec) })
		sets.MustReach(ctx, "3 pods are old, 1 new", func(sets []*appsv1.ReplicaSet) bool { return sized("1", 3)(sets) && sized("2", 1)(sets) })
		f.WaitDeployment(ctx, "web", "has 3 ready pods of 4", func(d *appsv1.Deployment) bool {
			return d.Status.ReadyReplicas == 3 && d.Status.Replicas == 4 && d.Status.ObservedGeneration >= d.Generation
		})
		f.Scale(ctx, d, 8)
		sets.MustReach(ctx, "6 pods are old, 2 new", func(sets []*appsv1.ReplicaSet) bool { return sized("1", 6)(sets) && sized("2", 2)(sets) })
	})
})
