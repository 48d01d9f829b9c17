// Package reviews serves the questions one can ask about identity and permission: who is
// behind a token, who am I, may somebody do something, what may I do.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
package reviews

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// REST is a resource that can only be created and is never stored: the answer to a question.
type REST struct {
	singular   string
	namespaced bool
	empty      func() runtime.Object
	check      func(ctx context.Context, o runtime.Object) error
	answer     func(ctx context.Context, o runtime.Object) error
}

var (
	_ rest.Storage              = &REST{}
	_ rest.Creater              = &REST{}
	_ rest.Scoper               = &REST{}
	_ rest.SingularNameProvider = &REST{}
)

func (r *REST) New() runtime.Object     { return r.empty() }
func (r *REST) Destroy()                {}
func (r *REST) NamespaceScoped() bool   { return r.namespaced }
func (r *REST) GetSingularName() string { return r.singular }

// Create checks the question, lets admission see it, and fills in the status.
func (r *REST) Create(ctx context.Context, o runtime.Object, admit rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if err := r.check(ctx, o); err != nil {
		return nil, err
	}
	if admit != nil {
		if err := admit(ctx, o.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := r.answer(ctx, o); err != nil {
		return nil, err
	}
	return o, nil
}

// question builds a REST from functions that know the type.
func question[T runtime.Object](singular string, namespaced bool, empty func() T, check, answer func(context.Context, T) error) *REST {
	return &REST{singular, namespaced,
		func() runtime.Object { return empty() },
		func(ctx context.Context, o runtime.Object) error { return check(ctx, o.(T)) },
		func(ctx context.Context, o runtime.Object) error { return answer(ctx, o.(T)) }}
}

// AuthenticationGroup returns the storages of authentication.k8s.io by version and resource.
// The authenticator is the API server's own chain; audiences are those of the API server.
func AuthenticationGroup(a authenticator.Request, audiences authenticator.Audiences) map[string]map[string]rest.Storage {
	return map[string]map[string]rest.Storage{"v1": {
		"tokenreviews":       tokenReviews(a, audiences),
		"selfsubjectreviews": question("selfsubjectreview", false, func() *authenticationv1.SelfSubjectReview { return &authenticationv1.SelfSubjectReview{} }, needUser, whoAmI),
	}}
}

// AuthorizationGroup returns the storages of authorization.k8s.io by version and resource.
func AuthorizationGroup(z authorizer.UnconditionalAuthorizer, rules authorizer.RuleResolver) map[string]map[string]rest.Storage {
	q := access{z}
	return map[string]map[string]rest.Storage{"v1": {
		"subjectaccessreviews": question("subjectaccessreview", false,
			func() *authorizationv1.SubjectAccessReview { return &authorizationv1.SubjectAccessReview{} }, checkSubject, q.subject),
		"selfsubjectaccessreviews": question("selfsubjectaccessreview", false,
			func() *authorizationv1.SelfSubjectAccessReview { return &authorizationv1.SelfSubjectAccessReview{} }, checkSelf, q.self),
		"localsubjectaccessreviews": question("localsubjectaccessreview", true,
			func() *authorizationv1.LocalSubjectAccessReview { return &authorizationv1.LocalSubjectAccessReview{} }, checkLocal, q.local),
		"selfsubjectrulesreviews": question("selfsubjectrulesreview", false,
			func() *authorizationv1.SelfSubjectRulesReview { return &authorizationv1.SelfSubjectRulesReview{} }, checkRules, listRules(rules)),
	}}
}

func requester(ctx context.Context) (user.Info, error) {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return nil, errors.NewBadRequest("no user present on request")
	}
	return u, nil
}
