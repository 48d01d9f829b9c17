// Package abac decides requests by a file of policies, each of which allows something.
//
// https://kubernetes.io/docs/reference/access-authn-authz/abac/
package abac

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Authorizer allows what a policy allows and has no opinion otherwise. Changes of the file count after a
// restart.
type Authorizer struct{ policies []Policy }

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

// New returns an authorizer by the policies.
func New(policies []Policy) *Authorizer { return &Authorizer{policies} }

// Authorize looks for a policy that matches.
func (z *Authorizer) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	for i := range z.policies {
		if z.policies[i].allows(a) {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "No policy matched.", nil
}

// ConditionsAwareAuthorize is Authorize: there are no conditions.
func (z *Authorizer) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(z.Authorize(ctx, a))
}

// EvaluateConditions denies: no decision of this authorizer carries conditions.
func (z *Authorizer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// RulesFor turns the user's policies into rules.
func (z *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	var resources []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	for i := range z.policies {
		p := &z.policies[i]
		if !p.isFor(u) || p.Namespace != all && p.Namespace != namespace {
			continue
		}
		if p.Resource != "" {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: p.verbs("get", "list", "watch"), APIGroups: []string{p.APIGroup}, Resources: []string{p.Resource}})
		}
		if p.NonResourcePath != "" {
			paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: p.verbs("get"), NonResourceURLs: []string{p.NonResourcePath}})
		}
	}
	return resources, paths, false, nil
}

func (p *Policy) verbs(readonly ...string) []string {
	if p.Readonly {
		return readonly
	}
	return []string{all}
}

func (p *Policy) allows(a authorizer.Attributes) bool {
	if !p.isFor(a.GetUser()) || p.Readonly && !a.IsReadOnly() {
		return false
	}
	if !a.IsResourceRequest() {
		return pathMatches(p.NonResourcePath, a.GetPath())
	}
	return matches(p.Namespace, a.GetNamespace()) && matches(p.Resource, a.GetResource()) && matches(p.APIGroup, a.GetAPIGroup())
}

// isFor: both user and group must match, where both are given; a policy for nobody matches nobody.
func (p *Policy) isFor(u user.Info) bool {
	if u == nil || p.User == "" && p.Group == "" {
		return false
	}
	return (p.User == "" || p.User == u.GetName()) && (p.Group == "" || slices.Contains(u.GetGroups(), p.Group))
}

func matches(pattern, value string) bool { return pattern == all || pattern == value }

func pathMatches(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, all); ok {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == path && path != ""
}
