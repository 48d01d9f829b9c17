// Package replication judges the area "replication": ReplicaSets and ReplicationControllers.
package replication

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// neverMoreThan is an invariant: at no time are there more pods that count.
func neverMoreThan(n int) func([]*corev1.Pod) string {
	return func(pods []*corev1.Pod) string {
		if active := Where(pods, Active); len(active) > n {
			return fmt.Sprintf("%d pods at a time: %v", len(active), Names(active))
		}
		return ""
	}
}

// both are the two kinds of controller that keep a number of pods, in the same shape.
func both(name string, replicas int32) []Object {
	return []Object{ReplicaSet(name+"-rs", replicas, Idle()), Controller(name+"-rc", replicas, Idle())}
}

var _ = Describe("the number of pods", func() {
	f := New()

	f.It("replication/keeps-count", func(ctx SpecContext) {
		for _, controller := range both("web", 5) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			pods.Throughout(ctx, "at most 5 pods", neverMoreThan(5))
			f.Create(ctx, controller)
			pods.MustReach(ctx, "there are 5 pods", Exactly(5, Active))
			pods.MustNever(ctx, "a pod is removed or added", func(pods []*corev1.Pod) bool { return len(pods) != 5 }, Quiet)
		}
	})

	f.It("replication/replaces-deleted", func(ctx SpecContext) {
		for _, controller := range both("web", 2) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			pods.Throughout(ctx, "at most 2 pods", neverMoreThan(2))
			first := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
			f.Delete(ctx, first[0])
			pods.MustReach(ctx, "a new pod stands in for the deleted one", func(now []*corev1.Pod) bool {
				return len(now) == 2 && len(Where(now, Is(first[0]))) == 0 && len(Where(now, Is(first[1]))) == 1
			})
		}
	})

	f.It("replication/replaces-failed", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		rs := ReplicaSet("web", 1, Pod("web", "sleep", "1h"))
		f.Create(ctx, rs)
		first := pods.MustReach(ctx, "the pod runs", Exactly(1, Running))[0]
		f.Patch(ctx, first, `{"spec":{"activeDeadlineSeconds":1}}`)
		pods.MustReach(ctx, "the pod has Failed, still exists, and another stands in for it", func(now []*corev1.Pod) bool {
			failed := Where(now, Is(first), func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })
			return len(failed) == 1 && len(Where(now, Active, func(p *corev1.Pod) bool { return OwnedBy(p, rs) })) == 1
		})
	})

	f.It("replication/removes-surplus", func(ctx SpecContext) {
		for _, controller := range both("web", 2) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
			extra := Idle()
			extra.Name, extra.Labels = controller.GetName()+"-extra", map[string]string{"app": controller.GetName()}
			f.Create(ctx, extra)
			pods.MustReach(ctx, "there are 3 pods", Exactly(3, Active))
			pods.MustReach(ctx, "there are 2 again", func(pods []*corev1.Pod) bool { return len(pods) == 2 })
			pods.MustNever(ctx, "there are other than 2", func(pods []*corev1.Pod) bool { return len(pods) != 2 }, Quiet)
		}
	})

	f.It("replication/scales", func(ctx SpecContext) {
		for _, controller := range both("web", 2) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			pods.Throughout(ctx, "at most 4 pods", neverMoreThan(4))
			first := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
			f.Scale(ctx, controller, 4)
			more := pods.MustReach(ctx, "there are 4 pods", Exactly(4, Active))
			Expect(Names(more)).To(ContainElements(Names(first)), "growing keeps the pods there are")
			f.Scale(ctx, controller, 1)
			fewer := pods.MustReach(ctx, "there is 1 pod", func(now []*corev1.Pod) bool { return len(now) == 1 })
			Expect(Names(more)).To(ContainElements(Names(fewer)), "shrinking keeps one that was there")
			f.Scale(ctx, controller, 0)
			pods.MustReach(ctx, "there is none", func(now []*corev1.Pod) bool { return len(now) == 0 })
			pods.MustNever(ctx, "a pod is made for 0 replicas", func(now []*corev1.Pod) bool { return len(now) > 0 }, Quiet)
		}
	})
})
