package bootstrap

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestEnsureCreatesEverything(t *testing.T) {
	ctx, client := t.Context(), fake.NewClientset()
	if err := Default().Ensure(ctx, client); err != nil {
		t.Fatal(err)
	}
	p := Default()
	roles, err := client.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{})
	if err != nil || len(roles.Items) != len(p.ClusterRoles) {
		t.Errorf("%d ClusterRoles, want %d (%v)", len(roles.Items), len(p.ClusterRoles), err)
	}
	bindings, err := client.RbacV1().RoleBindings("").List(ctx, metav1.ListOptions{})
	if err != nil || len(bindings.Items) != len(p.RoleBindings) {
		t.Errorf("%d RoleBindings, want %d (%v)", len(bindings.Items), len(p.RoleBindings), err)
	}
}

func TestEnsureAgainChangesNothing(t *testing.T) {
	ctx, client := t.Context(), fake.NewClientset()
	for range 2 {
		client.ClearActions()
		if err := Default().Ensure(ctx, client); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range client.Actions() {
		if a.GetVerb() != "get" {
			t.Errorf("the second run did %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}

func TestEnsureRepairs(t *testing.T) {
	ctx := t.Context()
	extra := rbacv1.PolicyRule{Verbs: []string{"fly"}, APIGroups: []string{"x"}, Resources: []string{"kites"}}
	cut := clusterRole("system:basic-user", extra) // its own rules are gone, one was added
	kept := clusterRole("system:monitoring")
	kept.Annotations[rbacv1.AutoUpdateAnnotationKey] = "false"
	wrong := clusterBinding("system:node-proxier")
	wrong.RoleRef.Name = "cluster-admin"
	client := fake.NewClientset(&cut, &kept, &wrong)
	if err := Default().Ensure(ctx, client); err != nil {
		t.Fatal(err)
	}
	got, err := client.RbacV1().ClusterRoles().Get(ctx, "system:basic-user", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rules) < 2 || !slices.ContainsFunc(got.Rules, func(r rbacv1.PolicyRule) bool { return r.Verbs[0] == "fly" }) {
		t.Errorf("want the missing rules added and the extra one kept, got %+v", got.Rules)
	}
	if got, err = client.RbacV1().ClusterRoles().Get(ctx, "system:monitoring", metav1.GetOptions{}); err != nil || len(got.Rules) > 0 {
		t.Errorf("a role with autoupdate false was changed: %+v %v", got.Rules, err)
	}
	b, err := client.RbacV1().ClusterRoleBindings().Get(ctx, "system:node-proxier", metav1.GetOptions{})
	if err != nil || b.RoleRef.Name != "system:node-proxier" || len(b.Subjects) != 1 {
		t.Errorf("a binding to another role was not made anew: %+v %v", b, err)
	}
}
