package api

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// ownedBy describes an object with these owners.
func ownedBy(name string, owners ...*corev1.ConfigMap) *corev1.ConfigMap {
	object := configMap(name, nil)
	for _, owner := range owners {
		object.OwnerReferences = append(object.OwnerReferences, metav1.OwnerReference{
			APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: ptr.To(true)})
	}
	return object
}

// by is a deletion's option.
func by(propagation metav1.DeletionPropagation) metav1.DeleteOptions {
	return metav1.DeleteOptions{PropagationPolicy: &propagation}
}

var _ = Describe("garbage collection", func() {
	f := New()

	f.It("api/gc-background", func(ctx SpecContext) {
		owner, stranger := configMap("owner", nil), configMap("stranger", nil)
		f.Create(ctx, owner, stranger)
		child := ownedBy("child", owner)
		f.Create(ctx, child)
		grandchild := ownedBy("grandchild", child)
		f.Create(ctx, grandchild)
		f.Delete(ctx, owner, by(metav1.DeletePropagationBackground))
		MustBeMissing(f.TryGet(ctx, owner.DeepCopy()))
		f.WaitGone(ctx, child)
		f.WaitGone(ctx, grandchild)
		f.Get(ctx, stranger)
		// An owner that never was is as good as one that is gone.
		lost := ownedBy("lost", owner)
		f.Create(ctx, lost)
		f.WaitGone(ctx, lost)
	})

	f.It("api/gc-foreground", func(ctx SpecContext) {
		owner := configMap("owner", nil)
		f.Create(ctx, owner)
		child := ownedBy("child", owner)
		f.CreateHeld(ctx, child)
		f.Delete(ctx, owner, by(metav1.DeletePropagationForeground))
		f.Get(ctx, owner)
		Expect(owner.DeletionTimestamp).NotTo(BeNil())
		Expect(owner.Finalizers).To(ContainElement(metav1.FinalizerDeleteDependents))
		f.WaitUntil(ctx, "the child is marked as deleted", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, child)
			return child.DeletionTimestamp != nil, "it is not"
		})
		f.Stays(ctx, "the owner is there while its child is", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, owner)
			return err == nil, "it is gone"
		})
		f.LetGo(ctx, child)
		f.WaitGone(ctx, owner)
	})

	f.It("api/gc-orphan", func(ctx SpecContext) {
		owner := configMap("owner", nil)
		f.Create(ctx, owner)
		child := ownedBy("child", owner)
		f.Create(ctx, child)
		f.Delete(ctx, owner, by(metav1.DeletePropagationOrphan))
		f.WaitGone(ctx, owner)
		f.Get(ctx, child)
		Expect(child.OwnerReferences).To(BeEmpty())
		f.Stays(ctx, "the child stays", Quiet, func(ctx context.Context) (bool, string) {
			f.Get(ctx, child)
			return child.DeletionTimestamp == nil, "it is marked as deleted"
		})
	})

	f.It("api/gc-two-owners", func(ctx SpecContext) {
		one, two := configMap("one", nil), configMap("two", nil)
		f.Create(ctx, one, two)
		child := ownedBy("child", one, two)
		f.Create(ctx, child)
		f.Delete(ctx, one)
		f.WaitUntil(ctx, "the child has one owner left", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, child)
			return len(child.OwnerReferences) == 1 && child.OwnerReferences[0].Name == "two", "its owners are " + owners(child)
		})
		f.Delete(ctx, two)
		f.WaitGone(ctx, child)
	})
})

func owners(object *corev1.ConfigMap) string {
	var names string
	for _, owner := range object.OwnerReferences {
		names += owner.Name + " "
	}
	return names
}
