package server_test

import (
	"context"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// TestAuthorizationTexts: what users are told when they may not, and why when they may.
func TestAuthorizationTexts(t *testing.T) {
	server := apiservertest.New(t)
	root, carol := kubernetes.NewForConfigOrDie(server.Config), kubernetes.NewForConfigOrDie(server.User("carol"))
	as := rest.CopyConfig(server.User("carol"))
	as.Impersonate = rest.ImpersonationConfig{UserName: "bob"}
	_, err := root.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "dangling"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "ghost"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "dan"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for want, do := range map[string]func() error{
		`nodes is forbidden: User "carol" cannot list resource "nodes" in API group "" at the cluster scope`: func() error {
			_, err := carol.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
			return err
		},
		`deployments.apps "web" is forbidden: User "carol" cannot get resource "deployments" in API group "apps" in the namespace "default"`: func() error {
			_, err := carol.AppsV1().Deployments("default").Get(ctx, "web", metav1.GetOptions{})
			return err
		},
		`pods "p" is forbidden: User "carol" cannot update resource "pods/ephemeralcontainers" in API group "" in the namespace "default"`: func() error {
			return carol.CoreV1().RESTClient().Put().AbsPath("/api/v1/namespaces/default/pods/p/ephemeralcontainers").Body([]byte("{}")).Do(ctx).Error()
		},
		`forbidden: User "carol" cannot get path "/metrics"`: func() error {
			return carol.Discovery().RESTClient().Get().AbsPath("/metrics").Do(ctx).Error()
		},
		// Constrained impersonation (KEP-5284) is tried last, and speaks.
		`nodes is forbidden: User "carol" cannot impersonate-on:user-info:list resource "nodes" in API group "" at the cluster scope`: func() error {
			_, err := kubernetes.NewForConfigOrDie(as).CoreV1().Nodes().List(ctx, metav1.ListOptions{})
			return err
		},
	} {
		if err := do(); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	decide := func(name string) (authorizer.Decision, string) {
		decision, reason, err := server.Authorizer().Authorize(ctx, authorizer.AttributesRecord{User: member(name), Verb: "list", APIGroup: "", Resource: "services", ResourceRequest: true})
		if err != nil {
			t.Fatal(err)
		}
		return decision, reason
	}
	const dangling = `rbac: RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found`
	err = wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		decision, reason := decide("dan")
		return decision == authorizer.DecisionNoOpinion && reason == dangling, nil
	})
	if _, reason := decide("dan"); err != nil {
		t.Errorf("a binding to nothing: got %q, want %q", reason, dangling)
	}
	const allowed = `RBAC: allowed by ClusterRoleBinding "system:node-proxier" of ClusterRole "system:node-proxier" to User "system:kube-proxy"`
	if decision, reason := decide("system:kube-proxy"); decision != authorizer.DecisionAllow || reason != allowed {
		t.Errorf("got %v %q, want %q", decision, reason, allowed)
	}
}
