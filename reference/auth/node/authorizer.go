// Package node authorizes kubelets: each sees and changes its own Node, and what its own pods need.
//
// https://kubernetes.io/docs/reference/access-authn-authz/node/
package node

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"

	"github.com/etalon-dev/etalon/reference/auth/rbac"
)

// Authorizer allows or has no opinion; it never denies. It knows no pods until the informers that it
// was made from have started.
type Authorizer struct {
	objects *objects
	owner   Owner
	rules   []rbacv1.PolicyRule
}

// Owner returns the node that an object names in its spec.nodeName, "" if none, for the resources
// resourceslices and podcertificaterequests.
type Owner func(ctx context.Context, resource, namespace, name string) (string, error)

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

// New returns the authorizer. The rules, those of the ClusterRole system:node, apply to everything that
// it does not narrow. Call it before the informers start.
func New(in informers.SharedInformerFactory, owner Owner, rules []rbacv1.PolicyRule) (*Authorizer, error) {
	o, err := newObjects(in)
	if err != nil {
		return nil, err
	}
	return &Authorizer{objects: o, owner: owner, rules: rules}, nil
}

// Authorize allows what a node needs.
func (z *Authorizer) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	name, isNode := Identity(a.GetUser())
	if !isNode {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if name == "" {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("unknown node for user %q", a.GetUser().GetName()), nil
	}
	if a.IsResourceRequest() {
		if narrow, ok := narrowed[groupResource{a.GetAPIGroup(), a.GetResource()}]; ok {
			if reason := narrow(request{ctx, z, name, a}); reason != "" {
				return authorizer.DecisionNoOpinion, reason, nil
			}
			return authorizer.DecisionAllow, "", nil
		}
	}
	if rbac.RulesAllow(a, z.rules) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// ConditionsAwareAuthorize is Authorize: there are no conditions.
func (z *Authorizer) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(z.Authorize(ctx, a))
}

// EvaluateConditions denies: no decision of this authorizer carries conditions.
func (z *Authorizer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// RulesFor has nothing to say of others than nodes, and of nodes that rules cannot tell what they may do.
func (z *Authorizer) RulesFor(_ context.Context, u user.Info, _ string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	if _, isNode := Identity(u); !isNode {
		return nil, nil, false, nil
	}
	return nil, nil, true, errors.New("node authorizer does not support user rule resolution")
}
