package daemonsets

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// rolling makes a rolling update with these bounds.
func rolling(unavailable, surge intstr.IntOrString) appsv1.DaemonSetUpdateStrategy {
	return appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxUnavailable: &unavailable, MaxSurge: &surge}}
}

// templates says how many pods there are of the old template, all of them ready, and of the new one; none of them going.
func templates(before, after int) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		return len(now) == before+after && len(Where(now, Ready, generation(""))) == before && len(Where(now, Running, Active, generation("2"))) == after
	}
}

var _ = Describe("updates of DaemonSets", func() {
	f := New()
	none := intstr.FromInt32(0)

	// start makes a DaemonSet with that strategy and waits for its pods, which are at no time to be fewer or more than given.
	start := func(ctx SpecContext, mine []*StandInNode, strategy appsv1.DaemonSetUpdateStrategy, least, most int) (*appsv1.DaemonSet, *Observer[*corev1.Pod]) {
		GinkgoHelper()
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		set.Spec.UpdateStrategy = strategy
		f.Create(ctx, set)
		pods.MustReach(ctx, "all nodes have a pod", ready(mine...))
		pods.Throughout(ctx, fmt.Sprintf("at least %d ready pods and at most %d", least, most), func(now []*corev1.Pod) string {
			if ready, active := Where(now, Ready), Where(now, Active); len(ready) < least || len(active) > most {
				return fmt.Sprintf("%d pods, %d of them ready", len(active), len(ready))
			}
			return ""
		})
		return set, pods
	}
	// tell makes the new pods that wait ready.
	tell := func(ctx SpecContext, now []*corev1.Pod) {
		GinkgoHelper()
		f.TellReady(ctx, true, Names(Where(now, generation("2"), func(p *corev1.Pod) bool { return !Ready(p) }))...)
	}

	// sicken says of one of 3 pods that it is not ready, and waits until that is known.
	sicken := func(ctx SpecContext, set *appsv1.DaemonSet, pod *corev1.Pod) *corev1.Pod {
		GinkgoHelper()
		patch := `{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}]}}`
		Expect(f.TryPatch(ctx, pod.DeepCopy(), types.StrategicMergePatchType, patch, "status")).To(Succeed())
		waitStatus(ctx, f, set, numbers{desired: 3, current: 3, ready: 2, updated: 3, available: 2, unavailable: 1})
		return pod
	}

	f.It("daemonsets/rolling-unready-first", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{}, 2, 3)
		sick := sicken(ctx, set, Where(pods.Now(), on(mine[2]))[0])
		update(ctx, f, set, "2", true)
		mended := func(now []*corev1.Pod) bool { return templates(2, 1)(now) && len(Where(now, Is(sick))) == 0 }
		pods.MustReach(ctx, "the pod that is not ready has been replaced", mended)
		pods.MustNever(ctx, "the update goes on while the new pod is not ready", not(mended), Quiet)
	})

	f.It("daemonsets/rolling-max-unavailable", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{}, 2, 3) // the default is one unavailable
		update(ctx, f, set, "2", true)
		for updated := 1; updated <= 3; updated++ {
			now := pods.MustReach(ctx, fmt.Sprintf("%d pods are new", updated), templates(3-updated, updated))
			pods.MustNever(ctx, "the update goes on while the new pod is not ready", not(templates(3-updated, updated)), Quiet)
			tell(ctx, now)
		}
		pods.MustReach(ctx, "all are new and ready", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 3)(now) })
	})

	f.It("daemonsets/rolling-percentage", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, rolling(intstr.FromString("34%"), none), 1, 3) // of 3 that is 2, rounded up
		update(ctx, f, set, "2", true)
		now := pods.MustReach(ctx, "2 pods are new", templates(1, 2))
		pods.MustNever(ctx, "a third is updated while they are not ready", not(templates(1, 2)), Quiet)
		tell(ctx, now)
		now = pods.MustReach(ctx, "all are new", templates(0, 3))
		tell(ctx, now)
		pods.MustReach(ctx, "all are ready", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 3)(now) })
	})

	f.It("daemonsets/rolling-max-surge", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, rolling(none, intstr.FromInt32(1)), 3, 4)
		pods.Throughout(ctx, "each node has a ready pod", func(now []*corev1.Pod) string {
			for _, node := range mine {
				if len(Where(now, on(node), Ready)) == 0 {
					return "the node " + node.Name + " has none"
				}
			}
			return ""
		})
		update(ctx, f, set, "2", true)
		for updated := 1; updated <= 3; updated++ {
			now := pods.MustReach(ctx, "a new pod is beside an old one", templates(4-updated, updated))
			pods.MustNever(ctx, "the update goes on while the new pod is not ready", not(templates(4-updated, updated)), Quiet)
			tell(ctx, now)
		}
		pods.MustReach(ctx, "all are new and ready", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 3)(now) })
	})

	f.It("daemonsets/surge-beside-unready", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, rolling(none, intstr.FromInt32(1)), 2, 5)
		sick := sicken(ctx, set, Where(pods.Now(), on(mine[2]))[0])
		update(ctx, f, set, "2", true)
		mended := func(now []*corev1.Pod) bool { return templates(2, 2)(now) && len(Where(now, Is(sick))) == 0 }
		pods.MustReach(ctx, "the pod that is not ready has been replaced, and one new pod is beside a ready one", mended)
		pods.MustNever(ctx, "the update goes on while the new pods are not ready", not(mended), Quiet)
		tell(ctx, pods.Now())
		tell(ctx, pods.MustReach(ctx, "the last node has a new pod, too", templates(1, 3)))
		pods.MustReach(ctx, "all are new and ready", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 3)(now) })
	})

	f.It("daemonsets/on-delete", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType}, 1, 2)
		update(ctx, f, set, "2", false)
		waitStatus(ctx, f, set, numbers{desired: 2, current: 2, ready: 2, available: 2})
		pods.MustNever(ctx, "a pod is replaced", not(templates(2, 0)), Quiet)
		f.Delete(ctx, pods.Now()[0])
		pods.MustReach(ctx, "in place of the deleted one there is a new one", templates(1, 1))
		pods.MustNever(ctx, "the other is replaced", not(templates(1, 1)), Quiet)
	})

	f.It("daemonsets/broken-update-is-mended", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{}, 2, 3)
		update(ctx, f, set, "2", true)
		broken := Where(pods.MustReach(ctx, "a pod is new and never ready", templates(2, 1)), generation("2"))[0]
		update(ctx, f, set, "3", false)
		all := pods.MustReach(ctx, "all are of the third template", func(now []*corev1.Pod) bool {
			return ready(mine...)(now) && len(Where(now, generation("3"))) == 3
		})
		Expect(Names(all)).NotTo(ContainElement(broken.Name))
	})

	f.It("daemonsets/revisions", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{}, 0, 1)
		one := waitRevisions(ctx, f, set, "1")[0]
		hash := one.Labels[appsv1.ControllerRevisionHashLabelKey]
		Expect(hash).NotTo(BeEmpty())
		Expect(one.Name).To(Equal("agent-" + hash))
		Expect(pods.Now()[0].Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, hash))
		update(ctx, f, set, "2", false)
		pod := pods.MustReach(ctx, "the pod is new", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 1)(now) })[0]
		two := waitRevisions(ctx, f, set, "1 2")[1]
		Expect(pod.Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, two.Labels[appsv1.ControllerRevisionHashLabelKey]))
		Expect(two.Name).NotTo(Equal(one.Name))
		f.Edit(ctx, set, func() { set.Spec.MinReadySeconds = 1 })
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, ready: 1, updated: 1, available: 1})
		waitRevisions(ctx, f, set, "1 2")
		pods.MustNever(ctx, "the pod is replaced although its template is the same", not(Exactly(1, Is(pod))), Quiet)
	})

	f.It("daemonsets/rollback", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		set, pods := start(ctx, mine, appsv1.DaemonSetUpdateStrategy{}, 1, 2)
		one := waitRevisions(ctx, f, set, "1")[0]
		update(ctx, f, set, "2", false)
		pods.MustReach(ctx, "all are new", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(0, 2)(now) })
		waitRevisions(ctx, f, set, "1 2")
		// What kubectl rollout undo does: the revision's data is a patch of the DaemonSet.
		Expect(f.TryPatch(ctx, set, types.StrategicMergePatchType, string(one.Data.Raw))).To(Succeed())
		back := pods.MustReach(ctx, "all are of the first template", func(now []*corev1.Pod) bool { return ready(mine...)(now) && templates(2, 0)(now) })
		again := waitRevisions(ctx, f, set, "2 3")[1]
		Expect(again.UID).To(Equal(one.UID), "the revision is taken up again, not made anew")
		for _, pod := range back {
			Expect(pod.Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, one.Labels[appsv1.ControllerRevisionHashLabelKey]))
		}
	})

	f.It("daemonsets/revision-history-limit", func(ctx SpecContext) {
		set := agents(f) // there is no node for it
		set.Spec.RevisionHistoryLimit = ptr.To[int32](1)
		f.Create(ctx, set)
		waitRevisions(ctx, f, set, "1")
		update(ctx, f, set, "2", false)
		waitRevisions(ctx, f, set, "1 2")
		update(ctx, f, set, "3", false)
		waitRevisions(ctx, f, set, "2 3")
	})
})
