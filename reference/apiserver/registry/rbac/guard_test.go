package rbac_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// world is a cluster in which ann administers the namespace default by a RoleBinding to admin, and
// bob may write every RBAC object of the cluster and holds nothing else.
type world struct {
	t              *testing.T
	ctx            context.Context
	root, ann, bob kubernetes.Interface
}

func newWorld(t *testing.T) *world {
	config := apiservertest.Start(t)
	as := func(name string) kubernetes.Interface {
		c := rest.CopyConfig(config)
		c.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"staff"}}
		return kubernetes.NewForConfigOrDie(c)
	}
	w := &world{t: t, ctx: t.Context(), root: kubernetes.NewForConfigOrDie(config), ann: as("ann"), bob: as("bob")}
	w.grant("ann", "admin", "default")
	w.must(w.root.RbacV1().ClusterRoles().Create(w.ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "rbac-writer"},
		Rules: []rbacv1.PolicyRule{{Verbs: []string{"create", "update", "patch", "get", "delete"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"*"}}}}, metav1.CreateOptions{}))
	w.grant("bob", "rbac-writer", "")
	w.until(w.ann, "create", "roles", "default", "")
	w.until(w.bob, "create", "clusterroles", "", "")
	return w
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) grant(user, clusterRole, namespace string) {
	w.t.Helper()
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}
	meta := metav1.ObjectMeta{GenerateName: user + "-"}
	if namespace == "" {
		w.must(w.root.RbacV1().ClusterRoleBindings().Create(w.ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{}))
		return
	}
	w.must(w.root.RbacV1().RoleBindings(namespace).Create(w.ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{}))
}

// until waits for what was granted to count.
func (w *world) until(client kubernetes.Interface, verb, resource, namespace, name string) {
	w.t.Helper()
	w.must(nil, wait.PollUntilContextTimeout(w.ctx, 5*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		r, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: rbacv1.GroupName, Resource: resource, Namespace: namespace, Name: name}}}, metav1.CreateOptions{})
		return err == nil && r.Status.Allowed, err
	}))
}

func rules(verbs, group, resource string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{Verbs: strings.Fields(verbs), APIGroups: []string{group}, Resources: []string{resource}}}
}

func (w *world) want(what string, err error, text string) {
	w.t.Helper()
	switch {
	case text == "" && err != nil:
		w.t.Errorf("%s: got %v, wanted it done", what, err)
	case text != "" && (err == nil || err.Error() != text):
		w.t.Errorf("%s:\n got %v\nwant %s", what, err, text)
	}
}

func TestEscalation(t *testing.T) {
	w := newWorld(t)
	t.Run("roles", func(t *testing.T) { roles(&world{t, w.ctx, w.root, w.ann, w.bob}) })
	t.Run("bindings", func(t *testing.T) { bindings(&world{t, w.ctx, w.root, w.ann, w.bob}) })
	t.Run("aggregation", func(t *testing.T) { aggregation(&world{t, w.ctx, w.root, w.ann, w.bob}) })
	t.Run("special-verbs", func(t *testing.T) { specialVerbs(&world{t, w.ctx, w.root, w.ann, w.bob}) })
}

func roles(w *world) {
	api := w.ann.RbacV1().Roles("default")
	create := func(name string, r []rbacv1.PolicyRule) error {
		_, err := api.Create(w.ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: r}, metav1.CreateOptions{})
		return err
	}
	w.want("what she holds", create("held", rules("get list delete", "", "pods")), "")
	w.want("what she does not hold", create("more", rules("update get create", "", "resourcequotas")),
		`roles.rbac.authorization.k8s.io "more" is forbidden: user "ann" (groups=["staff" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["resourcequotas"], Verbs:["update" "create"]}`)
	_, err := api.Patch(w.ctx, "held", types.JSONPatchType, []byte(`[{"op":"add","path":"/rules/0/verbs/-","value":"fly"}]`), metav1.PatchOptions{})
	w.want("an update beyond", err, `roles.rbac.authorization.k8s.io "held" is forbidden: user "ann" (groups=["staff" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["fly"]}`)
	w.must(w.root.RbacV1().Roles("default").Create(w.ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "foreign", Finalizers: []string{"x.y/z"}}, Rules: rules("fly", "", "pods")}, metav1.CreateOptions{}))
	_, err = api.Patch(w.ctx, "foreign", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	w.want("letting go of it", err, "")
	_, err = api.Patch(w.ctx, "foreign", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	if !apierrors.IsForbidden(err) {
		w.t.Errorf("labelling a role that one does not hold: got %v, want Forbidden", err)
	}
}

func bindings(w *world) {
	bind := func(client kubernetes.Interface, kind, name string) error {
		_, err := client.RbacV1().RoleBindings("default").Create(w.ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{GenerateName: "b-"},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}, Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot"}}}, metav1.CreateOptions{})
		return err
	}
	w.want("a role that she holds", bind(w.ann, "ClusterRole", "view"), "")
	if err := bind(w.ann, "ClusterRole", "cluster-admin"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`+"\n"+`{NonResourceURLs:["*"], Verbs:["*"]}`) {
		w.t.Errorf("cluster-admin: got %v", err)
	}
	// The generic store names the resource of the request, not the one that it looked for.
	w.want("a role that is not there", bind(w.ann, "Role", "nothing"), `rolebindings.rbac.authorization.k8s.io "nothing" not found`)
	w.want("a cluster role that is not there", bind(w.ann, "ClusterRole", "nothing"), `rolebindings.rbac.authorization.k8s.io "nothing" not found`)
	w.want("by a superuser", bind(w.root, "Role", "nothing"), "")
	_, err := w.bob.RbacV1().ClusterRoleBindings().Create(w.ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "up"},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:kube-dns"}}, metav1.CreateOptions{})
	w.want("everywhere", err, `clusterrolebindings.rbac.authorization.k8s.io "up" is forbidden: user "bob" (groups=["staff" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["endpoints"], Verbs:["list" "watch"]}
{APIGroups:[""], Resources:["services"], Verbs:["list" "watch"]}`)
}

func aggregation(w *world) {
	r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "all"}, AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{}}}}
	_, err := w.bob.RbacV1().ClusterRoles().Create(w.ctx, r, metav1.CreateOptions{})
	w.want("by bob", err, `clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use an aggregationRule`)
	_, err = w.root.RbacV1().ClusterRoles().Create(w.ctx, r, metav1.CreateOptions{})
	w.want("by a superuser", err, "")
	_, err = w.bob.RbacV1().ClusterRoles().Patch(w.ctx, "all", types.MergePatchType, []byte(`{"aggregationRule":null}`), metav1.PatchOptions{})
	w.want("taking it away", err, `clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use an aggregationRule`)
}

func specialVerbs(w *world) {
	w.must(w.root.RbacV1().ClusterRoles().Create(w.ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "special"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"escalate"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}},
		{Verbs: []string{"bind"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"cluster-admin", "ghost"}}}}, metav1.CreateOptions{}))
	w.grant("bob", "special", "")
	w.until(w.bob, "bind", "clusterroles", "", "ghost")
	_, err := w.bob.RbacV1().ClusterRoles().Create(w.ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "god"}, Rules: rules("*", "*", "*")}, metav1.CreateOptions{})
	w.want("escalate", err, "")
	for role, allowed := range map[string]bool{"cluster-admin": true, "ghost": true, "system:kube-dns": false} {
		_, err = w.bob.RbacV1().ClusterRoleBindings().Create(w.ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "bind-" + strings.ReplaceAll(role, ":", "-")},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}}, metav1.CreateOptions{})
		if allowed != (err == nil) {
			w.t.Errorf("bind to %s: allowed %t, want %t: %v", role, err == nil, allowed, err)
		}
	}
}
