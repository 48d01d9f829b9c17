package replication

import (
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what a controller tells", func() {
	f := New()

	f.It("replication/events", func(ctx SpecContext) {
		for _, controller := range both("web", 1) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			pod := pods.MustReach(ctx, "there is a pod", Exactly(1, Active))[0]
			made := f.WaitEvent(ctx, controller, "SuccessfulCreate")
			Expect(made.Type).To(Equal(corev1.EventTypeNormal))
			Expect(made.Message).To(Equal("Created pod: " + pod.Name))
			f.Scale(ctx, controller, 0)
			Expect(f.WaitEvent(ctx, controller, "SuccessfulDelete").Message).To(Equal("Deleted pod: " + pod.Name))
		}
	})

	f.It("replication/status", func(ctx SpecContext) {
		template := Pod("web", "sleep", "1h")
		ReadyWhenTold(&template.Spec)
		pods := f.WatchPods(ctx, "app=web")
		sets := f.WatchReplicaSets(ctx, "app=web")
		rs := ReplicaSet("web", 2, template)
		f.Create(ctx, rs)
		status := func(replicas, ready, available int32) func([]*appsv1.ReplicaSet) bool {
			return func(sets []*appsv1.ReplicaSet) bool {
				return len(sets) == 1 && sets[0].Status.Replicas == replicas && sets[0].Status.ReadyReplicas == ready &&
					sets[0].Status.AvailableReplicas == available && sets[0].Status.ObservedGeneration == sets[0].Generation
			}
		}
		running := pods.MustReach(ctx, "both pods run", Exactly(2, Running))
		sets.MustReach(ctx, "status is 2 pods, none ready", status(2, 0, 0))
		f.TellReady(ctx, true, running[0].Name)
		reached := sets.MustReach(ctx, "status is 2 pods, 1 ready and available", status(2, 1, 1))
		Expect(reached[0].Status.FullyLabeledReplicas).To(BeEquivalentTo(2))
		f.TellReady(ctx, true, running[1].Name)
		sets.MustReach(ctx, "status is 2 pods, all ready and available", status(2, 2, 2))
		f.TellReady(ctx, false, running[0].Name)
		sets.MustReach(ctx, "status is 2 pods, 1 ready and available, again", status(2, 1, 1))
		f.Scale(ctx, rs, 0)
		sets.MustReach(ctx, "status is no pod", status(0, 0, 0))
	})

	f.It("replication/min-ready-seconds", func(ctx SpecContext) {
		const wait = 5
		rs := ReplicaSet("web", 1, Pod("web", "sleep", "1h"))
		rs.Spec.MinReadySeconds = wait
		pods := f.WatchPods(ctx, "app=web")
		sets := f.WatchReplicaSets(ctx, "app=web")
		f.Create(ctx, rs)
		sets.MustReach(ctx, "the pod is ready and not yet available", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 1 && sets[0].Status.ReadyReplicas == 1 && sets[0].Status.AvailableReplicas == 0
		})
		sets.MustReach(ctx, "the pod is available", func(sets []*appsv1.ReplicaSet) bool { return sets[0].Status.AvailableReplicas == 1 })
		pod := pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0]
		// The condition's time is cut to the second.
		Expect(sets.ReachedAt().Sub(ReadySince(pod, pods.ReachedAt()))).To(BeNumerically(">=", (wait-2)*time.Second), "time from ready to available")
	})

	f.It("replication/removes-unready-first", func(ctx SpecContext) {
		template := Pod("web", "sleep", "1h")
		ReadyWhenTold(&template.Spec)
		pods := f.WatchPods(ctx, "app=web")
		rs := ReplicaSet("web", 3, template)
		f.Create(ctx, rs)
		running := pods.MustReach(ctx, "3 pods run", Exactly(3, Running))
		f.TellReady(ctx, true, running[0].Name, running[1].Name)
		pods.MustReach(ctx, "2 pods are ready", Exactly(2, Ready))
		unassigned := orphan("unassigned", "web")
		f.Create(ctx, unassigned)
		pods.MustReach(ctx, "4 pods exist", Exactly(4, Active))
		pods.MustReach(ctx, "the unassigned pod is the first to go", func(now []*corev1.Pod) bool {
			return len(now) == 3 && !slices.Contains(Names(now), "unassigned")
		})
		f.WaitReplicaSetReady(ctx, "web", 2)
		f.Scale(ctx, rs, 2)
		left := pods.MustReach(ctx, "one more has gone", func(now []*corev1.Pod) bool { return len(Where(now, Active)) == 2 })
		Expect(Names(Where(left, Active))).To(ConsistOf(running[0].Name, running[1].Name), "the unready pod goes before the ready ones")
	})

	f.It("replication/deletion-cost", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		rs := ReplicaSet("web", 3, Pod("web", "sleep", "1h"))
		f.Create(ctx, rs)
		ready := pods.MustReach(ctx, "3 pods are ready", Exactly(3, Ready))
		cheapest := ready[1]
		// The cheapest first: of pods without the annotation, whose cost is 0, it is the cheapest already.
		for _, priced := range []struct {
			pod  *corev1.Pod
			cost string
		}{{cheapest, "-100"}, {ready[0], "100"}, {ready[2], "100"}} {
			f.Patch(ctx, priced.pod, strings.ReplaceAll(`{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"COST"}}}`, "COST", priced.cost))
		}
		f.WaitReplicaSetReady(ctx, "web", 3)
		f.Scale(ctx, rs, 2)
		left := pods.MustReach(ctx, "one pod has gone", func(now []*corev1.Pod) bool { return len(Where(now, Active)) == 2 })
		Expect(Names(Where(left, Active))).NotTo(ContainElement(cheapest.Name), "the cheapest goes first")
	})
})
