package rbac

import (
	"context"
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
)

var readPods = []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}}

func getPod(u user.Info, namespace string) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{User: u, Verb: "get", Resource: "pods", Name: "p", Namespace: namespace, ResourceRequest: true}
}

func TestReasons(t *testing.T) {
	x := newIndex()
	x.setRole(objectKey{"", "reader"}, readPods)
	x.setRole(objectKey{"blue", "reader"}, readPods)
	clusterRole, role := rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"}, rbacv1.RoleRef{Kind: "Role", Name: "reader"}
	x.setBinding(objectKey{"", "everywhere"}, clusterRole, []rbacv1.Subject{{Kind: "User", Name: "ann"}, {Kind: "Group", Name: "staff"}})
	x.setBinding(objectKey{"blue", "here"}, role, []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot"}, {Kind: "User", Name: "bob"}})
	x.setBinding(objectKey{"red", "lent"}, clusterRole, []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot", Namespace: "blue"}})
	x.setBinding(objectKey{"", "dangling"}, rbacv1.RoleRef{Kind: "ClusterRole", Name: "gone"}, []rbacv1.Subject{{Kind: "User", Name: "eve"}})
	x.setBinding(objectKey{"blue", "dangling"}, rbacv1.RoleRef{Kind: "Role", Name: "lost"}, []rbacv1.Subject{{Kind: "User", Name: "eve"}})
	z := &Authorizer{index: x}
	robot := &user.DefaultInfo{Name: "system:serviceaccount:blue:robot"}
	for _, c := range []struct {
		user      *user.DefaultInfo
		namespace string
		want      authorizer.Decision
		reason    string
	}{
		{&user.DefaultInfo{Name: "ann"}, "red", authorizer.DecisionAllow, `RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "reader" to User "ann"`},
		{&user.DefaultInfo{Name: "kim", Groups: []string{"x", "staff"}}, "", authorizer.DecisionAllow, `RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "reader" to Group "staff"`},
		{robot, "blue", authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "here/blue" of Role "reader" to ServiceAccount "robot/blue"`},
		{robot, "red", authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "lent/red" of ClusterRole "reader" to ServiceAccount "robot/blue"`},
		{robot, "", authorizer.DecisionNoOpinion, ""},
		{&user.DefaultInfo{Name: "bob"}, "red", authorizer.DecisionNoOpinion, ""},
		{&user.DefaultInfo{Name: "eve"}, "red", authorizer.DecisionNoOpinion, `RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found`},
		{&user.DefaultInfo{Name: "eve"}, "blue", authorizer.DecisionNoOpinion, `RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "lost" not found]`},
	} {
		d, reason, err := z.Authorize(context.Background(), getPod(c.user, c.namespace))
		if d != c.want || reason != c.reason || err != nil {
			t.Errorf("%s in %q: got %v %q %v, want %v %q", c.user.Name, c.namespace, d, reason, err, c.want, c.reason)
		}
	}
}

// A binding counts once its role is there too, whichever comes first.
func TestKnows(t *testing.T) {
	z := &Authorizer{index: newIndex()}
	role := rbacv1.RoleRef{Kind: "Role", Name: "reader"}
	z.index.setRole(objectKey{"", "reader"}, readPods) // a ClusterRole of that name is another
	z.index.setBinding(objectKey{"blue", "here"}, role, nil)
	if z.Knows("blue", "here", role) {
		t.Error("known without its role")
	}
	z.index.setRole(objectKey{"blue", "reader"}, readPods)
	if !z.Knows("blue", "here", role) || z.Knows("red", "here", role) {
		t.Error("wanted the binding known in its namespace, and there only")
	}
	z.index.deleteBinding(objectKey{"blue", "here"})
	if z.Knows("blue", "here", role) {
		t.Error("known after its deletion")
	}
}

func TestNilUser(t *testing.T) {
	z := &Authorizer{index: newIndex()}
	if d, _, err := z.Authorize(context.Background(), authorizer.AttributesRecord{}); d != authorizer.DecisionNoOpinion || err != nil {
		t.Errorf("got %v %v", d, err)
	}
}

func TestFollowsInformers(t *testing.T) {
	ctx := t.Context()
	client := fake.NewClientset(
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "reader"}, Rules: append(readPods, rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}})},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "blue"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "ann"}}},
	)
	f := informers.NewSharedInformerFactory(client, 0)
	z, err := New(f.Rbac().V1())
	if err != nil {
		t.Fatal(err)
	}
	f.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), z.HasSynced) {
		t.Fatal("informers did not sync")
	}
	ann := &user.DefaultInfo{Name: "ann"}
	if d, _, _ := z.Authorize(ctx, getPod(ann, "blue")); d != authorizer.DecisionAllow {
		t.Errorf("a binding that existed at start does not count: %v", d)
	}
	resources, paths, incomplete, err := z.RulesFor(ctx, ann, "blue")
	if len(resources) != 1 || len(paths) != 1 || incomplete || err != nil {
		t.Errorf("rules: %v %v %t %v", resources, paths, incomplete, err)
	}
	if err := client.RbacV1().RoleBindings("blue").Delete(ctx, "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !cache.WaitForCacheSync(ctx.Done(), func() bool {
		d, _, _ := z.Authorize(ctx, getPod(ann, "blue"))
		return d == authorizer.DecisionNoOpinion
	}) {
		t.Error("a deleted binding still counts")
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	x := newIndex()
	x.setRole(objectKey{"", "reader"}, readPods)
	x.setBinding(objectKey{"", "b"}, rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"}, []rbacv1.Subject{{Kind: "Group", Name: "staff"}})
	z := &Authorizer{index: x}
	var a authorizer.Attributes = getPod(&user.DefaultInfo{Name: "ann", Groups: []string{"system:authenticated", "staff"}}, "blue")
	if n := testing.AllocsPerRun(100, func() { z.Authorize(context.Background(), a) }); n > 0 { //nolint:errcheck
		t.Errorf("%v allocations for a request that is allowed, want 0", n)
	}
}

func BenchmarkAuthorize(b *testing.B) {
	x := newIndex()
	x.setRole(objectKey{"", "reader"}, readPods)
	for i := range 5000 {
		x.setBinding(objectKey{"", fmt.Sprintf("b%d", i)}, rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"},
			[]rbacv1.Subject{{Kind: "User", Name: fmt.Sprintf("u%d", i)}})
	}
	x.setBinding(objectKey{"", "b"}, rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"}, []rbacv1.Subject{{Kind: "Group", Name: "staff"}})
	z := &Authorizer{index: x}
	var a authorizer.Attributes = getPod(&user.DefaultInfo{Name: "ann", Groups: []string{"system:authenticated", "staff"}}, "blue")
	b.ReportAllocs()
	for b.Loop() {
		z.Authorize(context.Background(), a) //nolint:errcheck
	}
}
