// Package authorization judges the area "authorization": RBAC, its default roles, what nobody can grant
// who does not have it, impersonation, the Node authorizer, and access reviews. How ABAC policy files and
// authorization webhooks decide is configured where the API server starts, out of reach of a suite that
// only talks to the API: the reference's own tests judge these.
package authorization

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// clusterRole describes a ClusterRole of the spec's own.
func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

// bindEverywhere describes a ClusterRoleBinding of a ClusterRole, named alike, to subjects.
func bindEverywhere(name string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}
}

// robot is the subject of a ServiceAccount.
func robot(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
}

// tokenOf asks for a token of a ServiceAccount.
func tokenOf(ctx context.Context, f *Framework, name string) string {
	GinkgoHelper()
	answer, err := f.API.CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "ask for a token of %s", name)
	return answer.Status.Token
}

// forbids waits until an attempt is refused with 403, for what was changed is learned of by watching; it returns the refusal.
func forbids(ctx context.Context, f *Framework, what string, attempt func() error) error {
	GinkgoHelper()
	var err error
	f.WaitUntil(ctx, what+" is refused", APITimeout, func(context.Context) (bool, string) {
		err = attempt()
		return apierrors.IsForbidden(err), fmt.Sprintf("the answer %v", err)
	})
	return err
}

// mustAllow fails the spec when an attempt is refused for want of rights; any other answer means that it was let in.
func mustAllow(err error, what string) {
	GinkgoHelper()
	var status apierrors.APIStatus
	if err != nil && (!errors.As(err, &status) || status.Status().Code == http.StatusForbidden || status.Status().Code == http.StatusUnauthorized) {
		Fail("wanted: " + what + " is allowed\n  seen: " + err.Error())
	}
}

// waitMay waits until the server answers a question about a user's rights as wanted.
func waitMay(ctx context.Context, f *Framework, want bool, who string, groups []string, what authorizationv1.ResourceAttributes) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("it is %t that %s may %s %s of %q in %q", want, who, what.Verb, what.Resource, what.Group, what.Namespace), APITimeout,
		func(ctx context.Context) (bool, string) {
			got := may(ctx, f, who, groups, what)
			return got == want, fmt.Sprintf("it is %t", got)
		})
}

// whoAmI asks the server whom it takes the client for.
func whoAmI(ctx context.Context, as kubernetes.Interface) authenticationv1.UserInfo {
	GinkgoHelper()
	self, err := as.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "ask who one is")
	return self.Status.UserInfo
}

func authResource(namespace, verb, group, resource string) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: resource}
}

// mayPath asks whether a user may do something with a path that is no resource.
func mayPath(ctx context.Context, f *Framework, who string, groups []string, verb, path string) bool {
	GinkgoHelper()
	answer, err := f.API.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: who, Groups: groups, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: verb, Path: path}}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "ask whether %s may %s %s", who, verb, path)
	return answer.Status.Allowed
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
