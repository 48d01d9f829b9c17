package authorization

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("escalation", func() {
	f := New()
	onRBAC := func(resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{resource}, Verbs: verbs}
	}
	const notHeld = "is attempting to grant RBAC permissions not currently held"

	f.It("authorization/escalation-by-role", func(ctx SpecContext) {
		name, privileged := "maker-"+f.Namespace, "escalator-"+f.Namespace
		f.Create(ctx, role("maker", onRBAC("roles", "create", "get", "update", "patch"), rule(reading, "configmaps")), bind("Role", "maker", user(name), user(privileged)),
			role("escalator", onRBAC("roles", "escalate")), bind("Role", "escalator", user(privileged)))
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "create", rbacv1.GroupName, "roles"))
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "list", "", "configmaps"))
		waitMay(ctx, f, true, privileged, nil, authResource(f.Namespace, "escalate", rbacv1.GroupName, "roles"))
		roles := f.As(name).RbacV1().Roles(f.Namespace)
		held, err := roles.Create(ctx, role("held", rule([]string{"get"}, "configmaps")), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "a role of what one has")
		_, err = roles.Create(ctx, role("more", rule([]string{"get", "delete"}, "configmaps")), metav1.CreateOptions{})
		MustRefuse(err, http.StatusForbidden, `roles.rbac.authorization.k8s.io "more" is forbidden: user "`+name+`"`, notHeld)
		held.Rules = append(held.Rules, rule([]string{"get"}, "secrets"))
		_, err = roles.Update(ctx, held, metav1.UpdateOptions{})
		MustRefuse(err, http.StatusForbidden, notHeld)
		held.Labels, held.Rules = map[string]string{"a": "b"}, held.Rules[:1]
		_, err = roles.Update(ctx, held, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred(), "a change that grants nothing more")
		_, err = f.As(privileged).RbacV1().Roles(f.Namespace).Create(ctx, role("more", rule([]string{"get", "delete"}, "configmaps")), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "with the verb escalate")
	})

	f.It("authorization/escalation-by-cluster-role", func(ctx SpecContext) {
		name := "maker-" + f.Namespace
		f.CreateForCluster(ctx, clusterRole(f.Namespace, onRBAC("clusterroles", "create"), rule(reading, "configmaps")), bindEverywhere(f.Namespace, user(name)))
		waitMay(ctx, f, true, name, nil, authResource("", "create", rbacv1.GroupName, "clusterroles"))
		waitMay(ctx, f, true, name, nil, authResource("", "list", "", "configmaps"))
		make := func(r *rbacv1.ClusterRole) error {
			_, err := f.As(name).RbacV1().ClusterRoles().Create(ctx, r, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
		Expect(make(clusterRole(f.Namespace+"-held", rule(reading, "configmaps")))).To(Succeed())
		MustRefuse(make(clusterRole(f.Namespace+"-more", rule([]string{"*"}, "*"))), http.StatusForbidden, notHeld)
		MustRefuse(make(clusterRole(f.Namespace+"-path", rbacv1.PolicyRule{NonResourceURLs: []string{"*"}, Verbs: []string{"get"}})), http.StatusForbidden, notHeld)
		// An aggregation may come to hold anything.
		sum := clusterRole(f.Namespace + "-sum")
		sum.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"a": "b"}}}}
		MustRefuse(make(sum), http.StatusForbidden)
	})

	f.It("authorization/escalation-by-binding", func(ctx SpecContext) {
		name, binder := "granter-"+f.Namespace, "binder-"+f.Namespace
		bindOne := onRBAC("roles", "bind")
		bindOne.ResourceNames = []string{"secrets"}
		f.Create(ctx, role("granter", onRBAC("rolebindings", "create"), rule(reading, "configmaps")), bind("Role", "granter", user(name), user(binder)),
			role("binder", bindOne), bind("Role", "binder", user(binder)),
			role("maps", rule(reading, "configmaps")), role("secrets", rule(reading, "secrets")), role("others", rule(reading, "pods")))
		named := authResource(f.Namespace, "bind", rbacv1.GroupName, "roles")
		named.Name = "secrets"
		waitMay(ctx, f, true, binder, nil, named)
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "create", rbacv1.GroupName, "rolebindings"))
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "list", "", "configmaps"))
		grant := func(as, kind, role string) error {
			_, err := f.As(as).RbacV1().RoleBindings(f.Namespace).Create(ctx, bind(kind, role, user("guest")), metav1.CreateOptions{})
			return err
		}
		mayNow(ctx, f, "binding a role of what one has", func() error { return grant(name, "Role", "maps") })
		MustRefuse(grant(name, "Role", "secrets"), http.StatusForbidden, `user "`+name+`"`, notHeld)
		MustRefuse(grant(name, "ClusterRole", "cluster-admin"), http.StatusForbidden, notHeld)
		MustRefuse(grant(name, "Role", "none-such"), http.StatusNotFound)
		mayNow(ctx, f, "binding with the verb bind", func() error { return grant(binder, "Role", "secrets") })
		MustRefuse(grant(binder, "Role", "others"), http.StatusForbidden, notHeld)
	})
})
