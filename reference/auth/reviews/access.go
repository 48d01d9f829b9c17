package reviews

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// access answers the *SubjectAccessReviews by asking the authorizer.
type access struct {
	authorizer authorizer.UnconditionalAuthorizer
}

func (q access) subject(ctx context.Context, r *authorizationv1.SubjectAccessReview) error {
	r.Status = q.decide(ctx, attributesOf(asUser(r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes))
	return nil
}

func (q access) local(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	r.Status = q.decide(ctx, attributesOf(asUser(r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes))
	return nil
}

// self is the question of `kubectl auth can-i`.
func (q access) self(ctx context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	u, err := requester(ctx)
	if err != nil {
		return err
	}
	r.Status = q.decide(ctx, attributesOf(u, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes))
	return nil
}

func (q access) decide(ctx context.Context, a authorizer.AttributesRecord) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := q.authorizer.Authorize(ctx, a)
	s := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow,
		Denied:  decision == authorizer.DecisionDeny,
		Reason:  reason,
	}
	if err != nil {
		s.EvaluationError = err.Error()
	}
	return s
}

// listRules answers SelfSubjectRulesReview (`kubectl auth can-i --list`).
func listRules(rules authorizer.RuleResolver) func(context.Context, *authorizationv1.SelfSubjectRulesReview) error {
	return func(ctx context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
		u, err := requester(ctx)
		if err != nil {
			return err
		}
		resources, paths, incomplete, err := rules.RulesFor(ctx, u, r.Spec.Namespace)
		r.Status = authorizationv1.SubjectRulesReviewStatus{Incomplete: incomplete,
			ResourceRules:    make([]authorizationv1.ResourceRule, 0, len(resources)),
			NonResourceRules: make([]authorizationv1.NonResourceRule, 0, len(paths))}
		for _, x := range resources {
			r.Status.ResourceRules = append(r.Status.ResourceRules, authorizationv1.ResourceRule{
				Verbs: x.GetVerbs(), APIGroups: x.GetAPIGroups(), Resources: x.GetResources(), ResourceNames: x.GetResourceNames()})
		}
		for _, x := range paths {
			r.Status.NonResourceRules = append(r.Status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: x.GetVerbs(), NonResourceURLs: x.GetNonResourceURLs()})
		}
		if err != nil {
			r.Status.EvaluationError = err.Error()
		}
		return nil
	}
}

func checkRules(ctx context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
	if _, err := requester(ctx); err != nil {
		return err
	}
	if r.Spec.Namespace == "" {
		return errors.NewBadRequest("no namespace on request")
	}
	return nil
}

func checkSubject(_ context.Context, r *authorizationv1.SubjectAccessReview) error {
	return invalid("SubjectAccessReview", ValidateSubjectAccessReview(r))
}

func checkSelf(ctx context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	if _, err := requester(ctx); err != nil {
		return err
	}
	return invalid("SelfSubjectAccessReview", ValidateSelfSubjectAccessReview(r))
}

func checkLocal(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	if err := invalid("LocalSubjectAccessReview", ValidateLocalSubjectAccessReview(r)); err != nil {
		return err
	}
	switch ns := request.NamespaceValue(ctx); ns {
	case "":
		return errors.NewBadRequest(fmt.Sprintf("namespace is required on this type: %v", ns))
	case r.Namespace:
		return nil
	default:
		return errors.NewBadRequest(fmt.Sprintf("spec.resourceAttributes.namespace must match namespace: %v", ns))
	}
}

func asUser(s authorizationv1.SubjectAccessReviewSpec) user.Info {
	u := &user.DefaultInfo{Name: s.User, UID: s.UID, Groups: s.Groups}
	if len(s.Extra) > 0 {
		u.Extra = map[string][]string{}
		for k, v := range s.Extra {
			u.Extra[k] = v
		}
	}
	return u
}
