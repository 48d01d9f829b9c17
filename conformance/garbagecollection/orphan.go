package garbagecollection

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("orphaning", func() {
	f := New()

	f.It("garbagecollection/orphans-only-direct-dependents", func(ctx SpecContext) {
		owner := configMap("owner")
		f.Create(ctx, owner)
		child := configMap("child", to(owner))
		f.Create(ctx, child)
		grandchild := configMap("grandchild", to(child))
		f.Create(ctx, grandchild)
		f.Delete(ctx, owner, by(metav1.DeletePropagationOrphan))
		f.WaitGone(ctx, owner)
		f.Get(ctx, child)
		Expect(child.OwnerReferences).To(BeEmpty())
		f.Stays(ctx, "the grandchild still has its owner", Quiet, func(ctx context.Context) (bool, string) {
			f.Get(ctx, grandchild)
			return grandchild.DeletionTimestamp == nil && len(grandchild.OwnerReferences) == 1, "it is going, or has lost its owner"
		})
		f.Delete(ctx, child)
		f.WaitGone(ctx, grandchild)
	})

	f.It("garbagecollection/orphans-before-the-owner-goes", func(ctx SpecContext) {
		owner := configMap("owner")
		f.CreateHeld(ctx, owner)
		child := configMap("child", to(owner))
		f.Create(ctx, child)
		f.Delete(ctx, owner, by(metav1.DeletePropagationOrphan))
		f.WaitUntil(ctx, "the child is free and then the owner rid of its finalizer", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, owner) // first: what it tells has to be true of a later child
			f.Get(ctx, child)
			Expect(owner.DeletionTimestamp).NotTo(BeNil())
			orphaning, owned := slices.Contains(owner.Finalizers, metav1.FinalizerOrphanDependents), len(child.OwnerReferences) > 0
			if owned && !orphaning {
				Fail("wanted: the owner keeps the finalizer orphan while a dependent refers to it\n  seen: it does not")
			}
			return !owned && !orphaning, "the child's owners and the owner's finalizers are still there"
		})
		Expect(owner.Finalizers).To(ConsistOf(Hold))
		f.LetGo(ctx, owner)
		f.WaitGone(ctx, owner)
		f.Get(ctx, child)
	})

	f.It("garbagecollection/adopted-after-orphaning", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		first, second := ReplicaSet("web", 2, Idle()), Controller("web", 2, Idle())
		f.Create(ctx, first)
		kept := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		f.Delete(ctx, first, by(metav1.DeletePropagationOrphan))
		f.WaitGone(ctx, first)
		f.Create(ctx, second)
		adopted := pods.MustReach(ctx, "a controller of another kind has taken them", Exactly(2, func(p *corev1.Pod) bool { return OwnedBy(p, second) }))
		Expect(Names(adopted)).To(Equal(Names(kept)))
		f.Delete(ctx, second, by(metav1.DeletePropagationBackground))
		pods.MustReach(ctx, "they are gone with it", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})
})
