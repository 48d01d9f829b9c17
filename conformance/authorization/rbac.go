package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// rule allows verbs on resources of the core group.
func rule(verbs []string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: resources, Verbs: verbs}
}

var reading = []string{"get", "list", "watch"}

func role(name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

// bind describes a RoleBinding of a Role or ClusterRole to subjects.
func bind(kind, name string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "binding-"}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name},
	}
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

// listMaps tries to list ConfigMaps.
func listMaps(ctx context.Context, as kubernetes.Interface, namespace string) error {
	_, err := as.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	return err
}

// mayNow waits until an attempt is allowed: the authorizer learns of a new rule by watching.
func mayNow(ctx context.Context, f *Framework, what string, attempt func() error) {
	GinkgoHelper()
	f.WaitUntil(ctx, what+" is allowed", APITimeout, func(context.Context) (bool, string) {
		if err := attempt(); err != nil {
			return false, err.Error()
		}
		return true, ""
	})
}

var _ = Describe("RBAC", func() {
	f := New()

	f.It("authorization/denied-by-default", func(ctx SpecContext) {
		nobody := f.As("nobody-" + f.Namespace)
		MustRefuse(listMaps(ctx, nobody, f.Namespace), http.StatusForbidden,
			`configmaps is forbidden: User "nobody-`+f.Namespace+`" cannot list resource "configmaps" in API group "" in the namespace "`+f.Namespace+`"`)
		_, err := nobody.AppsV1().Deployments(f.Namespace).Get(ctx, "web", metav1.GetOptions{})
		MustRefuse(err, http.StatusForbidden, `deployments.apps "web" is forbidden: User "nobody-`+f.Namespace+`" cannot get resource "deployments" in API group "apps" in the namespace "`+f.Namespace+`"`)
		_, err = nobody.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot list resource "nodes" in API group "" at the cluster scope`)
	})

	f.It("authorization/role", func(ctx SpecContext) {
		name := "reader-" + f.Namespace
		reader := f.As(name)
		other := f.NewNamespace(ctx, "other").Name
		f.Create(ctx, role("reader", rule(reading, "configmaps")), bind("Role", "reader", user(name)))
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, reader, f.Namespace) })
		MustRefuse(listMaps(ctx, reader, other), http.StatusForbidden)
		MustRefuse(listMaps(ctx, reader, ""), http.StatusForbidden, "at the cluster scope")
		MustRefuse(listMaps(ctx, f.As("another-"+f.Namespace), f.Namespace), http.StatusForbidden)
		_, err := reader.CoreV1().ConfigMaps(f.Namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, metav1.CreateOptions{})
		MustRefuse(err, http.StatusForbidden, "cannot create")
		_, err = reader.CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `"secrets"`)
	})

	f.It("authorization/cluster-role", func(ctx SpecContext) {
		here, everywhere := "here-"+f.Namespace, "everywhere-"+f.Namespace
		other := f.NewNamespace(ctx, "other").Name
		clusterRole := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Rules: []rbacv1.PolicyRule{rule(reading, "configmaps")}}
		clusterBinding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Subjects: []rbacv1.Subject{user(everywhere)},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: f.Namespace}}
		f.CreateForCluster(ctx, clusterRole, clusterBinding)
		f.Create(ctx, bind("ClusterRole", f.Namespace, user(here)))
		for _, namespace := range []string{f.Namespace, other, ""} {
			mayNow(ctx, f, "listing ConfigMaps in "+namespace, func() error { return listMaps(ctx, f.As(everywhere), namespace) })
		}
		mayNow(ctx, f, "listing ConfigMaps here", func() error { return listMaps(ctx, f.As(here), f.Namespace) })
		MustRefuse(listMaps(ctx, f.As(here), other), http.StatusForbidden)
	})

	f.It("authorization/subjects", func(ctx SpecContext) {
		f.Create(ctx, role("reader", rule(reading, "configmaps")), bind("Role", "reader", group("crew-"+f.Namespace),
			rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "robot", Namespace: f.Namespace}))
		mayNow(ctx, f, "listing by a member of the group", func() error { return listMaps(ctx, f.As("anybody", "crew-"+f.Namespace), f.Namespace) })
		mayNow(ctx, f, "listing by the ServiceAccount", func() error {
			return listMaps(ctx, f.As("system:serviceaccount:"+f.Namespace+":robot"), f.Namespace)
		})
		MustRefuse(listMaps(ctx, f.As("anybody", "another-crew"), f.Namespace), http.StatusForbidden)
		MustRefuse(listMaps(ctx, f.As("system:serviceaccount:"+f.Namespace+":default"), f.Namespace), http.StatusForbidden)
		MustRefuse(listMaps(ctx, f.As("crew-"+f.Namespace), f.Namespace), http.StatusForbidden)
	})

	f.It("authorization/resource-names", func(ctx SpecContext) {
		named := rule([]string{"get", "update"}, "configmaps")
		named.ResourceNames = []string{"mine"}
		name := "owner-" + f.Namespace
		f.Create(ctx, role("owner", named), bind("Role", "owner", user(name)),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}})
		maps := f.As(name).CoreV1().ConfigMaps(f.Namespace)
		mayNow(ctx, f, "reading one's own", func() error { _, err := maps.Get(ctx, "mine", metav1.GetOptions{}); return err })
		_, err := maps.Get(ctx, "theirs", metav1.GetOptions{})
		MustRefuse(err, http.StatusForbidden)
		_, err = maps.List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden)
	})

	f.It("authorization/subresources", func(ctx SpecContext) {
		name := "logger-" + f.Namespace
		f.Create(ctx, Idle(), role("pods-only", rule(reading, "pods")), bind("Role", "pods-only", user(name)))
		pods := f.As(name).CoreV1().Pods(f.Namespace)
		mayNow(ctx, f, "reading the pod", func() error { _, err := pods.Get(ctx, "idle", metav1.GetOptions{}); return err })
		err := pods.GetLogs("idle", &corev1.PodLogOptions{}).Do(ctx).Error()
		MustRefuse(err, http.StatusForbidden, `cannot get resource "pods/log"`)
	})

	f.It("authorization/non-resource-urls", func(ctx SpecContext) {
		name := "prober-" + f.Namespace
		f.CreateForCluster(ctx,
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Rules: []rbacv1.PolicyRule{
				{NonResourceURLs: []string{"/metrics", "/openapi/*"}, Verbs: []string{"get"}}}},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Subjects: []rbacv1.Subject{user(name)},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: f.Namespace}})
		get := func(path string) error {
			return f.As(name).Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
		}
		mayNow(ctx, f, "/metrics", func() error { return get("/metrics") })
		mayNow(ctx, f, "/openapi/v3", func() error { return get("/openapi/v3") })
		MustRefuse(get("/metrics/slis"), http.StatusForbidden, `cannot get path "/metrics/slis"`)
		MustRefuse(get("/debug/pprof/"), http.StatusForbidden, `cannot get path "/debug/pprof/"`)
	})

	f.It("authorization/withdrawn", func(ctx SpecContext) {
		name := "guest-" + f.Namespace
		binding := bind("Role", "reader", user(name))
		f.Create(ctx, role("reader", rule(reading, "configmaps")), binding)
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, f.As(name), f.Namespace) })
		f.Delete(ctx, binding)
		f.WaitUntil(ctx, "listing is refused", APITimeout, func(ctx context.Context) (bool, string) {
			return listMaps(ctx, f.As(name), f.Namespace) != nil, "it is allowed"
		})
		MustRefuse(listMaps(ctx, f.As(name), f.Namespace), http.StatusForbidden)
	})

	f.It("authorization/role-ref-immutable", func(ctx SpecContext) {
		binding := bind("Role", "one", user("somebody"))
		f.Create(ctx, binding)
		err := f.TryEdit(ctx, binding, func() { binding.RoleRef.Name = "two" })
		MustBeInvalid(err, "roleRef")
		f.Get(ctx, binding)
		Expect(binding.RoleRef.Name).To(Equal("one"))
		Expect(f.TryEdit(ctx, binding, func() { binding.Subjects = nil })).To(Succeed())
	})
})
