// Package rbac decides requests by Roles, ClusterRoles and their bindings.
//
// A request is denied unless a rule grants it; there are no rules that deny.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
package rbac

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/tools/cache"
)

// Authorizer answers from an index that informers keep. It is safe for concurrent use and
// never blocks on the network.
type Authorizer struct {
	index  *index
	synced []cache.InformerSynced
}

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

// Authorize allows, naming the binding that granted the request, or has no opinion. Bindings
// to roles that do not exist are named in the reason then; they are no error.
func (z *Authorizer) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	u := a.GetUser()
	if u == nil {
		return authorizer.DecisionNoOpinion, "no user on request.", nil
	}
	reason := ""
	var broken []error
	z.index.visit(u, a.GetNamespace(), func(g *grant, rules []rbacv1.PolicyRule, err error) bool {
		if err != nil {
			broken = append(broken, err)
		}
		if RulesAllow(a, rules) {
			reason = g.reason
		}
		return reason == ""
	})
	if reason != "" {
		return authorizer.DecisionAllow, reason, nil
	}
	if len(broken) > 0 {
		reason = fmt.Sprintf("RBAC: %v", utilerrors.NewAggregate(broken))
	}
	return authorizer.DecisionNoOpinion, reason, nil
}

// ConditionsAwareAuthorize is Authorize: RBAC knows no conditions.
func (z *Authorizer) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(z.Authorize(ctx, a))
}

// EvaluateConditions denies: no decision of this authorizer carries conditions.
func (z *Authorizer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// RulesFor returns what the user may do in the namespace, cluster-wide grants included. The
// error tells of bindings whose role does not exist; the rules are complete without them.
func (z *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	rules, err := z.rules(u, namespace)
	var resource []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	for _, r := range rules {
		if len(r.Resources) > 0 {
			resource = append(resource, &authorizer.DefaultResourceRuleInfo{
				Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames})
		}
		if len(r.NonResourceURLs) > 0 {
			paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: r.Verbs, NonResourceURLs: r.NonResourceURLs})
		}
	}
	return resource, paths, false, err
}

func (z *Authorizer) rules(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var all []rbacv1.PolicyRule
	var errs []error
	z.index.visit(u, namespace, func(_ *grant, rules []rbacv1.PolicyRule, err error) bool {
		all = append(all, rules...)
		if err != nil {
			errs = append(errs, err)
		}
		return true
	})
	return all, utilerrors.NewAggregate(errs)
}
