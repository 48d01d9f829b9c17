package garbagecollection

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("owners", func() {
	f := New()

	f.It("garbagecollection/absent-owner", func(ctx SpecContext) {
		nobody := configMap("nobody")
		nobody.UID = uuid.NewUUID()
		lost := configMap("lost", to(nobody))
		f.Create(ctx, lost)
		f.WaitGone(ctx, lost)
	})

	f.It("garbagecollection/owner-by-uid", func(ctx SpecContext) {
		owner := configMap("owner")
		f.Create(ctx, owner)
		child := configMap("child", to(owner))
		f.CreateHeld(ctx, child)
		f.Delete(ctx, owner)
		f.WaitGone(ctx, owner)
		successor := configMap("owner")
		f.Create(ctx, successor)
		f.WaitUntil(ctx, "the child is deleted though its owner's name is taken again", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, child)
			return child.DeletionTimestamp != nil, "it is not"
		})
		f.Get(ctx, successor)
		Expect(successor.DeletionTimestamp).To(BeNil())
		mistaken := configMap("mistaken", to(successor))
		mistaken.OwnerReferences[0].UID = uuid.NewUUID()
		f.Create(ctx, mistaken)
		f.WaitGone(ctx, mistaken) // its owner is another of the same name, which does not exist
	})

	f.It("garbagecollection/unknown-kind-keeps", func(ctx SpecContext) {
		owner := configMap("owner")
		owner.UID = uuid.NewUUID()
		child := configMap("child", reference("etalon.dev/v1", "NobodyServesThis", owner))
		f.Create(ctx, child)
		f.Stays(ctx, "the object stays", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, child)
			return err == nil && child.DeletionTimestamp == nil, fmt.Sprintf("it is going or gone: %v", err)
		})
	})

	f.It("garbagecollection/no-owner-in-another-namespace", func(ctx SpecContext) {
		elsewhere := configMap("elsewhere")
		elsewhere.Namespace = f.NewNamespace(ctx, "elsewhere").Name
		f.Create(ctx, elsewhere)
		child := configMap("child", to(elsewhere))
		f.Create(ctx, child)
		f.WaitGone(ctx, child)
		event := f.WaitEvent(ctx, child, "OwnerRefInvalidNamespace")
		Expect(event.Type).To(Equal("Warning"))
		Expect(event.Message).To(ContainSubstring(string(elsewhere.UID)))
		f.Get(ctx, elsewhere)
		Expect(elsewhere.DeletionTimestamp).To(BeNil())
	})

	f.It("garbagecollection/cluster-scoped-owner", func(ctx SpecContext) {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}}
		f.CreateForCluster(ctx, role)
		child := configMap("child", reference("rbac.authorization.k8s.io/v1", "ClusterRole", role))
		f.Create(ctx, child)
		f.Stays(ctx, "the object stays with its owner", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, child)
			return err == nil && child.DeletionTimestamp == nil, fmt.Sprintf("it is going or gone: %v", err)
		})
		f.Delete(ctx, role)
		f.WaitGone(ctx, child)
	})

	f.It("garbagecollection/namespaced-owner-of-cluster-scoped", func(ctx SpecContext) {
		owner := configMap("owner")
		f.Create(ctx, owner)
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace, OwnerReferences: []metav1.OwnerReference{to(owner)}}}
		f.CreateForCluster(ctx, role)
		f.Delete(ctx, owner)
		f.WaitGone(ctx, owner)
		f.Stays(ctx, "the cluster-scoped object stays", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, role)
			return err == nil && role.DeletionTimestamp == nil, fmt.Sprintf("it is going or gone: %v", err)
		})
	})
})
