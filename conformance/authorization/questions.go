package authorization

import (
	"context"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"net/http"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("questions", func() {
	f := New()

	f.It("authorization/subject-access-review", func(ctx SpecContext) {
		ask := func(spec authorizationv1.SubjectAccessReviewSpec) (*authorizationv1.SubjectAccessReview, error) {
			return f.API.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
		}
		pods, path := &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}, &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/version"}
		_, err := ask(authorizationv1.SubjectAccessReviewSpec{User: "u"})
		MustBeInvalid(err, "spec.resourceAttributes", "exactly one of nonResourceAttributes or resourceAttributes must be specified")
		_, err = ask(authorizationv1.SubjectAccessReviewSpec{User: "u", ResourceAttributes: pods, NonResourceAttributes: path})
		MustBeInvalid(err, "spec.nonResourceAttributes", "cannot be specified in combination with resourceAttributes")
		_, err = ask(authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: pods})
		MustBeInvalid(err, "spec.user", "at least one of user or group must be specified")
		answer, err := ask(authorizationv1.SubjectAccessReviewSpec{Groups: []string{"system:masters"}, ResourceAttributes: pods})
		Expect(err).NotTo(HaveOccurred(), "a group suffices")
		Expect(answer.Status.Allowed).To(BeTrue())
		answer, err = ask(authorizationv1.SubjectAccessReviewSpec{User: "nobody", ResourceAttributes: pods})
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status.Allowed).To(BeFalse())
		Expect(answer.Status.Denied).To(BeFalse(), "RBAC denies nothing, it only does not allow")
		answer, err = ask(authorizationv1.SubjectAccessReviewSpec{User: "nobody", Groups: []string{"system:authenticated"}, NonResourceAttributes: path})
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status.Allowed).To(BeTrue())
	})

	f.It("authorization/local-access-review", func(ctx SpecContext) {
		name := "admin-" + f.Namespace
		f.Create(ctx, bind("ClusterRole", "admin", user(name)), role("reader", rule(reading, "configmaps")), bind("Role", "reader", user("guest")))
		waitMay(ctx, f, true, name, nil, authResource(f.Namespace, "create", "authorization.k8s.io", "localsubjectaccessreviews"))
		waitMay(ctx, f, true, "guest", nil, authResource(f.Namespace, "list", "", "configmaps"))
		ask := func(spec authorizationv1.SubjectAccessReviewSpec) (*authorizationv1.LocalSubjectAccessReview, error) {
			return f.As(name).AuthorizationV1().LocalSubjectAccessReviews(f.Namespace).Create(ctx, &authorizationv1.LocalSubjectAccessReview{
				ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace}, Spec: spec}, metav1.CreateOptions{})
		}
		about := func(namespace, verb string) authorizationv1.SubjectAccessReviewSpec {
			what := authResource(namespace, verb, "", "configmaps")
			return authorizationv1.SubjectAccessReviewSpec{User: "guest", ResourceAttributes: &what}
		}
		for verb, want := range map[string]bool{"list": true, "delete": false} {
			answer, err := ask(about(f.Namespace, verb))
			Expect(err).NotTo(HaveOccurred(), "the administrator of the namespace asks")
			Expect(answer.Status.Allowed).To(Equal(want), verb)
		}
		_, err := ask(about("kube-system", "list"))
		MustBeInvalid(err, "spec.resourceAttributes.namespace", "must match metadata.namespace")
		_, err = ask(authorizationv1.SubjectAccessReviewSpec{User: "guest", NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/"}})
		MustBeInvalid(err, "spec.nonResourceAttributes", "disallowed on this kind of request")
		_, err = f.As(name).AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: about(f.Namespace, "list")}, metav1.CreateOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot create resource "subjectaccessreviews"`)
	})

	f.It("authorization/self-rules-review", func(ctx SpecContext) {
		name := "self-" + f.Namespace
		other := f.NewNamespace(ctx, "other").Name
		one := rule([]string{"get"}, "secrets")
		one.ResourceNames = []string{"mine"}
		f.Create(ctx, role("here", one), bind("Role", "here", user(name)))
		f.CreateForCluster(ctx, clusterRole(f.Namespace, rule(reading, "nodes"), rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}), bindEverywhere(f.Namespace, user(name)))
		waitMay(ctx, f, true, name, nil, authResource("", "list", "", "nodes"))
		ask := func(namespace string) authorizationv1.SubjectRulesReviewStatus {
			GinkgoHelper()
			answer, err := f.As(name, "system:authenticated").AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
				Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			return answer.Status
		}
		secrets := And(HaveField("Resources", []string{"secrets"}), HaveField("ResourceNames", []string{"mine"}), HaveField("Verbs", []string{"get"}), HaveField("APIGroups", []string{""}))
		nodes := And(HaveField("Resources", []string{"nodes"}), HaveField("Verbs", reading))
		f.WaitUntil(ctx, "the role is known", APITimeout, func(context.Context) (bool, string) {
			rules := ask(f.Namespace).ResourceRules
			known, err := ContainElement(secrets).Match(rules)
			return err == nil && known, jsonOf(rules)
		})
		Expect(ask(f.Namespace).ResourceRules).To(ContainElement(nodes))
		Expect(ask(other).ResourceRules).To(And(ContainElement(nodes), Not(ContainElement(secrets))))
		Expect(ask(other).NonResourceRules).To(ContainElement(And(HaveField("NonResourceURLs", []string{"/metrics"}), HaveField("Verbs", []string{"get"}))))
		_, err := f.API.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{}, metav1.CreateOptions{})
		MustRefuse(err, http.StatusBadRequest, "no namespace on request")
	})
})
