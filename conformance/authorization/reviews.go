package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// may asks whether a user may do something.
func may(ctx context.Context, f *Framework, who string, groups []string, what authorizationv1.ResourceAttributes) bool {
	GinkgoHelper()
	answer, err := f.API.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: who, Groups: groups, ResourceAttributes: &what}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "ask whether %s may %v", who, what)
	return answer.Status.Allowed
}

var _ = Describe("access", func() {
	f := New()

	f.It("authorization/default-roles", func(ctx SpecContext) {
		names := map[string]string{}
		for _, clusterRole := range []string{"admin", "edit", "view"} {
			names[clusterRole] = clusterRole + "-" + f.Namespace
			f.Create(ctx, bind("ClusterRole", clusterRole, user(names[clusterRole])))
		}
		clusterAdmin := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}}
		f.Get(ctx, clusterAdmin)
		Expect(clusterAdmin.Rules).To(ContainElement(rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}))
		allowed := func(who, verb, group, resource string) bool {
			return may(ctx, f, names[who], nil, authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: verb, Group: group, Resource: resource})
		}
		for _, can := range []struct {
			verb, group, resource string
			admin, edit, view     bool
		}{
			{"list", "", "pods", true, true, true},
			{"get", "apps", "deployments", true, true, true},
			{"create", "", "pods", true, true, false},
			{"delete", "apps", "deployments", true, true, false},
			{"get", "", "secrets", true, true, false},
			{"create", "rbac.authorization.k8s.io", "rolebindings", true, false, false},
			{"delete", "", "nodes", false, false, false},
		} {
			for who, want := range map[string]bool{"admin": can.admin, "edit": can.edit, "view": can.view} {
				f.WaitUntil(ctx, "the answer for "+who+" is right", APITimeout, func(context.Context) (bool, string) {
					return allowed(who, can.verb, can.group, can.resource) == want, "may " + who + " " + can.verb + " " + can.resource + ": it should be otherwise"
				})
			}
		}
	})

	f.It("authorization/service-accounts-without-rights", func(ctx SpecContext) {
		name := "system:serviceaccount:" + f.Namespace + ":default"
		groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + f.Namespace, "system:authenticated"}
		for _, what := range []authorizationv1.ResourceAttributes{
			{Namespace: f.Namespace, Verb: "list", Resource: "pods"}, {Namespace: f.Namespace, Verb: "get", Resource: "secrets"},
			{Namespace: f.Namespace, Verb: "create", Resource: "configmaps"}, {Verb: "list", Resource: "nodes"}, {Verb: "list", Resource: "namespaces"},
		} {
			Expect(may(ctx, f, name, groups, what)).To(BeFalse(), "may %v", what)
		}
		Expect(may(ctx, f, name, groups, authorizationv1.ResourceAttributes{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews"})).To(BeTrue(), "it may ask what it may do")
		_, err := f.As(name, groups...).Discovery().ServerVersion()
		Expect(err).NotTo(HaveOccurred(), "it may ask for the version")
	})

	f.It("authorization/access-reviews", func(ctx SpecContext) {
		name := "reader-" + f.Namespace
		f.Create(ctx, role("reader", rule(reading, "configmaps")), bind("Role", "reader", user(name)))
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, f.As(name), f.Namespace) })
		maps := authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: "list", Resource: "configmaps"}
		secrets := authorizationv1.ResourceAttributes{Namespace: f.Namespace, Verb: "list", Resource: "secrets"}
		Expect(may(ctx, f, name, nil, maps)).To(BeTrue())
		Expect(may(ctx, f, name, nil, secrets)).To(BeFalse())

		// The user itself may ask only as an authenticated one.
		self := f.As(name, "system:authenticated").AuthorizationV1()
		for attributes, want := range map[*authorizationv1.ResourceAttributes]bool{&maps: true, &secrets: false} {
			answer, err := self.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Status.Allowed).To(Equal(want), "may %v", attributes)
		}
		rules, err := self.SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: f.Namespace}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(rules.Status.ResourceRules).To(ContainElement(And(HaveField("Resources", []string{"configmaps"}), HaveField("Verbs", reading))))

		local, err := f.API.AuthorizationV1().LocalSubjectAccessReviews(f.Namespace).Create(ctx, &authorizationv1.LocalSubjectAccessReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace},
			Spec:       authorizationv1.SubjectAccessReviewSpec{User: name, ResourceAttributes: &maps}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(local.Status.Allowed).To(BeTrue())
	})

	f.It("authorization/bad-token", func(ctx SpecContext) {
		_, err := f.WithToken("nobody-issued-this").CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusUnauthorized)
	})
})
