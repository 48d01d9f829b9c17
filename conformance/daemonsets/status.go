package daemonsets

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// numbers are what a DaemonSet's status counts.
type numbers struct{ desired, current, misscheduled, ready, updated, available, unavailable int32 }

func counted(s appsv1.DaemonSetStatus) numbers {
	return numbers{s.DesiredNumberScheduled, s.CurrentNumberScheduled, s.NumberMisscheduled, s.NumberReady, s.UpdatedNumberScheduled, s.NumberAvailable, s.NumberUnavailable}
}

// counts says that the status is about the newest spec and counts so.
func counts(want numbers) func(*appsv1.DaemonSet) bool {
	return func(set *appsv1.DaemonSet) bool {
		return set.Status.ObservedGeneration == set.Generation && counted(set.Status) == want
	}
}

// waitStatus waits until the DaemonSet's status is about its newest spec and counts so.
func waitStatus(ctx context.Context, f *Framework, set *appsv1.DaemonSet, want numbers) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("the status of DaemonSet %s is %+v", set.Name, want), SettleTimeout, func(ctx context.Context) (bool, string) {
		if err := f.TryGet(ctx, set); err != nil {
			return false, err.Error()
		}
		return counts(want)(set), fmt.Sprintf("%+v, generation %d observed %d", counted(set.Status), set.Generation, set.Status.ObservedGeneration)
	})
}

var _ = Describe("what a DaemonSet tells", func() {
	f := New()

	f.It("daemonsets/status", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods, sets := f.WatchPods(ctx, "app=agent"), f.WatchDaemonSet(ctx, "agent")
		set := agents(f)
		ReadyWhenTold(&set.Spec.Template.Spec)
		set.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
		f.Create(ctx, set)
		running := pods.MustReach(ctx, "both nodes have a pod", func(now []*corev1.Pod) bool { return bound(mine...)(now) && len(Where(now, Running)) == 2 })
		reach := func(what string, want numbers) {
			GinkgoHelper()
			sets.MustReach(ctx, what, Exactly(1, counts(want)))
		}
		reach("2 are desired and current, none ready", numbers{desired: 2, current: 2, updated: 2, unavailable: 2})
		f.TellReady(ctx, true, running[0].Name)
		reach("1 is ready and available", numbers{desired: 2, current: 2, updated: 2, ready: 1, available: 1, unavailable: 1})
		f.TellReady(ctx, true, running[1].Name)
		reach("both are ready and available", numbers{desired: 2, current: 2, updated: 2, ready: 2, available: 2})
		update(ctx, f, set, "2", true)
		reach("none is of the new template", numbers{desired: 2, current: 2, ready: 2, available: 2})
		f.TellReady(ctx, false, running[0].Name)
		reach("1 is ready and available again", numbers{desired: 2, current: 2, ready: 1, available: 1, unavailable: 1})
		relabel(ctx, f, mine[0], "no")
		left := 1
		if running[1].Spec.NodeName == mine[0].Name {
			left = 0
		}
		one := int32(left)
		reach("1 is desired", numbers{desired: 1, current: 1, ready: one, available: one, unavailable: 1 - one})
	})

	f.It("daemonsets/min-ready-seconds", func(ctx SpecContext) {
		const wait = 5
		nodes(ctx, f, 1)
		pods, sets := f.WatchPods(ctx, "app=agent"), f.WatchDaemonSet(ctx, "agent")
		set := agents(f)
		set.Spec.MinReadySeconds = wait
		f.Create(ctx, set)
		sets.MustReach(ctx, "the pod is ready and not yet available", Exactly(1, counts(numbers{desired: 1, current: 1, updated: 1, ready: 1, unavailable: 1})))
		ready := ReadySince(pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0], sets.ReachedAt())
		sets.MustReach(ctx, "the pod is available", Exactly(1, counts(numbers{desired: 1, current: 1, updated: 1, ready: 1, available: 1})))
		// The condition's time is cut to the second.
		Expect(sets.ReachedAt().Sub(ready)).To(BeNumerically(">=", (wait-2)*time.Second), "time from ready to available")
	})

	f.It("daemonsets/events", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pod := pods.MustReach(ctx, "the node has a pod", ready(mine...))[0]
		made := f.WaitEvent(ctx, set, "SuccessfulCreate")
		Expect(made.Type).To(Equal(corev1.EventTypeNormal))
		Expect(made.Message).To(Equal("Created pod: " + pod.Name))
		relabel(ctx, f, mine[0], "no")
		Expect(f.WaitEvent(ctx, set, "SuccessfulDelete").Message).To(Equal("Deleted pod: " + pod.Name))
	})
})
