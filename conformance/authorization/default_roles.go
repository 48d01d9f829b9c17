package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("default roles", func() {
	f := New()

	// bound binds the ClusterRole in the spec's namespace to a user of its own.
	bound := func(ctx SpecContext, clusterRole string) string {
		name := clusterRole + "-" + f.Namespace
		f.Create(ctx, bind("ClusterRole", clusterRole, user(name)))
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "get", "", "pods"))
		return name
	}
	const rbacGroup = "rbac.authorization.k8s.io"

	f.It("authorization/view-limits", func(ctx SpecContext) {
		name := bound(ctx, "view")
		for _, resource := range []string{"pods", "services", "configmaps", "endpoints", "resourcequotas", "limitranges", "serviceaccounts", "persistentvolumeclaims", "events"} {
			waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "list", "", resource))
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "delete", "", resource))
		}
		waitMay(ctx, f, true, name, nil, authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: "get", Resource: "pods", Subresource: "log"})
		// Secrets hold tokens, and so the rights of any ServiceAccount of the namespace.
		_, err := f.As(name).CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot list resource "secrets"`)
		for _, resource := range []string{"roles", "rolebindings"} {
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "list", rbacGroup, resource))
		}
		for _, subresource := range []string{"exec", "attach", "portforward", "proxy", "eviction"} {
			waitMay(ctx, f, false, name, nil, authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: "create", Resource: "pods", Subresource: subresource})
		}
	})

	f.It("authorization/edit-limits", func(ctx SpecContext) {
		name := bound(ctx, "edit")
		for resource, apiGroup := range map[string]string{"deployments": "apps", "jobs": "batch", "secrets": "", "services": "", "ingresses": "networking.k8s.io"} {
			waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "create", apiGroup, resource))
		}
		waitMay(ctx, f, true, name, nil, authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: "create", Resource: "pods", Subresource: "exec"})
		for _, resource := range []string{"roles", "rolebindings"} {
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "list", rbacGroup, resource))
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "create", rbacGroup, resource))
		}
		for _, resource := range []string{"resourcequotas", "limitranges"} {
			waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "get", "", resource))
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "create", "", resource))
		}
		waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "delete", "", "namespaces"))
		_, err := f.As(name).CoreV1().ConfigMaps(f.Namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	f.It("authorization/admin-limits", func(ctx SpecContext) {
		name := bound(ctx, "admin")
		as := f.As(name, "system:authenticated")
		_, err := as.RbacV1().Roles(f.Namespace).Create(ctx, role("reader", rule(reading, "pods", "secrets")), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "an admin makes roles of what it may")
		_, err = as.RbacV1().RoleBindings(f.Namespace).Create(ctx, bind("ClusterRole", "edit", user("guest-"+f.Namespace)), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "an admin binds what it may")
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "create", "authorization.k8s.io", "localsubjectaccessreviews"))
		for _, resource := range []string{"resourcequotas", "limitranges"} {
			waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "list", "", resource))
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "create", "", resource))
		}
		waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "delete", "", "namespaces"))
		waitMay(ctx, f, false, name, nil, authResource("", "list", "", "pods"))
		waitMay(ctx, f, false, name, nil, authResource("", "list", "", "nodes"))
	})

	f.It("authorization/cluster-admin", func(ctx SpecContext) {
		name := bound(ctx, "cluster-admin")
		Expect(may(ctx, f, name, nil, authResource(f.Namespace, "create", "", "resourcequotas"))).To(BeTrue())
		Expect(may(ctx, f, name, nil, authResource(f.Namespace, "made-up", "made.up", "things"))).To(BeTrue())
		Expect(may(ctx, f, name, nil, authResource("default", "get", "", "pods"))).To(BeFalse())
		Expect(may(ctx, f, name, nil, authResource("", "get", "", "nodes"))).To(BeFalse())
		// The group system:masters has it everywhere.
		masters := []string{"system:masters"}
		Expect(may(ctx, f, "anybody", masters, authResource("", "made-up", "made.up", "things"))).To(BeTrue())
		Expect(may(ctx, f, "anybody", masters, authResource("kube-system", "delete", "", "secrets"))).To(BeTrue())
		Expect(mayPath(ctx, f, "anybody", masters, "post", "/any/path")).To(BeTrue())
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}}
		f.Get(ctx, binding)
		Expect(binding.Subjects).To(ContainElement(group("system:masters")))
	})

	f.It("authorization/default-roles-marked", func(ctx SpecContext) {
		marked := func(m metav1.ObjectMeta) {
			GinkgoHelper()
			Expect(m.Labels).To(HaveKeyWithValue("kubernetes.io/bootstrapping", "rbac-defaults"), m.Name)
			Expect(m.Annotations).To(HaveKeyWithValue("rbac.authorization.kubernetes.io/autoupdate", "true"), m.Name)
		}
		for _, name := range []string{"cluster-admin", "admin", "edit", "view", "system:basic-user", "system:discovery", "system:public-info-viewer", "system:node",
			"system:kube-scheduler", "system:kube-controller-manager", "system:node-proxier", "system:auth-delegator", "system:kube-aggregator", "system:kube-dns",
			"system:kubelet-api-admin", "system:node-bootstrapper", "system:node-problem-detector", "system:persistent-volume-provisioner", "system:monitoring",
			"system:controller:deployment-controller", "system:controller:replicaset-controller", "system:controller:namespace-controller", "system:controller:job-controller"} {
			r := clusterRole(name)
			f.Get(ctx, r)
			marked(r.ObjectMeta)
			Expect(r.Rules).NotTo(BeEmpty(), name)
		}
		for name, subject := range map[string]rbacv1.Subject{"cluster-admin": group("system:masters"), "system:basic-user": group("system:authenticated"),
			"system:discovery": group("system:authenticated"), "system:public-info-viewer": group("system:unauthenticated"), "system:kube-scheduler": user("system:kube-scheduler"),
			"system:kube-controller-manager": user("system:kube-controller-manager"), "system:node-proxier": user("system:kube-proxy"), "system:monitoring": group("system:monitoring")} {
			b := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
			f.Get(ctx, b)
			marked(b.ObjectMeta)
			Expect(b.RoleRef).To(Equal(rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}))
			Expect(b.Subjects).To(ContainElement(subject), name)
		}
	})

	f.It("authorization/discovery-roles", func(ctx SpecContext) {
		known, unknown := []string{"system:authenticated"}, []string{"system:unauthenticated"}
		for path, public := range map[string]bool{"/version": true, "/healthz": true, "/livez": true, "/readyz": true, "/api": false, "/apis": false, "/apis/apps/v1": false, "/openapi/v3": false} {
			Expect(mayPath(ctx, f, "somebody", known, "get", path)).To(BeTrue(), path)
			Expect(mayPath(ctx, f, "system:anonymous", unknown, "get", path)).To(Equal(public), path)
		}
		Expect(mayPath(ctx, f, "somebody", known, "get", "/metrics")).To(BeFalse())
		Expect(mayPath(ctx, f, "somebody", known, "post", "/version")).To(BeFalse())
		for _, resource := range []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews"} {
			Expect(may(ctx, f, "somebody", known, authResource("", "create", "authorization.k8s.io", resource))).To(BeTrue(), resource)
			Expect(may(ctx, f, "system:anonymous", unknown, authResource("", "create", "authorization.k8s.io", resource))).To(BeFalse(), resource)
		}
		Expect(may(ctx, f, "somebody", known, authResource("", "create", "authentication.k8s.io", "selfsubjectreviews"))).To(BeTrue())
		Expect(may(ctx, f, "somebody", known, authResource("", "create", "authorization.k8s.io", "subjectaccessreviews"))).To(BeFalse())
		Expect(may(ctx, f, "somebody", known, authResource("", "list", "", "namespaces"))).To(BeFalse())
	})

	f.It("authorization/aggregation", func(ctx SpecContext) {
		key := "conformance.etalon.dev/aggregate"
		mine := map[string]string{key: f.Namespace}
		sum := clusterRole(f.Namespace+"-sum", rule([]string{"delete"}, "nodes"))
		sum.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: mine}}}
		maps, secrets := clusterRole(f.Namespace+"-maps", rule(reading, "configmaps")), clusterRole(f.Namespace+"-secrets", rule(reading, "secrets"))
		maps.Labels, secrets.Labels = mine, mine
		f.CreateForCluster(ctx, maps, sum)
		becomes := func(what string, rules ...rbacv1.PolicyRule) {
			GinkgoHelper()
			f.WaitUntil(ctx, "the aggregated role "+what, SettleTimeout, func(ctx context.Context) (bool, string) {
				got := clusterRole(sum.Name)
				if err := f.TryGet(ctx, got); err != nil {
					return false, err.Error()
				}
				matches, err := ConsistOf(rules).Match(got.Rules)
				return err == nil && matches, jsonOf(got.Rules)
			})
		}
		becomes("has just the rules of the labelled one", maps.Rules...)
		f.CreateForCluster(ctx, secrets)
		becomes("has the rules of both", append(maps.Rules, secrets.Rules...)...)
		f.Edit(ctx, sum, func() { sum.Rules = []rbacv1.PolicyRule{rule([]string{"*"}, "*")} })
		becomes("has not what was written into it", append(maps.Rules, secrets.Rules...)...)
		f.Edit(ctx, secrets, func() { secrets.Labels = nil })
		becomes("has lost the rules of the one without the label", maps.Rules...)
		f.Delete(ctx, maps)
		becomes("has no rules")
	})

	f.It("authorization/aggregate-to-view", func(ctx SpecContext) {
		apiGroup := f.Namespace + ".etalon.dev"
		extra := clusterRole(f.Namespace, rbacv1.PolicyRule{APIGroups: []string{apiGroup}, Resources: []string{"widgets"}, Verbs: []string{"get"}})
		extra.Labels = map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}
		names := map[string]string{}
		for _, r := range []string{"view", "edit", "admin"} {
			names[r] = bound(ctx, r)
		}
		f.CreateForCluster(ctx, extra)
		for _, name := range names {
			waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "get", apiGroup, "widgets"))
			Expect(may(ctx, f, name, nil, authResource(f.Namespace, "delete", apiGroup, "widgets"))).To(BeFalse())
		}
		f.Delete(ctx, extra)
		for _, name := range names {
			waitMay(ctx, f, false, name, nil, authResource(f.Namespace, "get", apiGroup, "widgets"))
		}
	})

	f.It("authorization/issuer-discovery", func(ctx SpecContext) {
		f.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}})
		read := func(as kubernetes.Interface, path string) error {
			return as.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
		}
		as := f.WithToken(tokenOf(ctx, f, "robot"))
		for _, path := range []string{"/.well-known/openid-configuration", "/openid/v1/jwks"} {
			Expect(read(as, path)).To(Succeed(), "a ServiceAccount reads %s", path)
			MustRefuse(read(f.As("somebody", "system:authenticated"), path), http.StatusForbidden, `cannot get path "`+path+`"`)
		}
	})
})
