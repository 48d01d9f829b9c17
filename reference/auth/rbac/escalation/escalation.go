// Package escalation decides whether a user may write a role or binding: nobody grants what they do
// not hold, unless they are told that they may (the verbs escalate and bind).
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
package escalation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// FullAuthority is what one must hold to use an aggregationRule, which can gather anything.
var FullAuthority = []rbacv1.PolicyRule{
	{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
	{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
}

// Superuser tells whether the request is from a member of system:masters, who escapes all checks, so
// that a cluster can always be repaired.
func Superuser(ctx context.Context) bool {
	u, ok := request.UserFrom(ctx)
	return ok && slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup)
}

// MayEscalate tells whether the user may put any rule into the role that the request is about.
func MayEscalate(ctx context.Context, z authorizer.UnconditionalAuthorizer) bool {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok || info.APIGroup != rbacv1.GroupName || info.Resource != "roles" && info.Resource != "clusterroles" {
		return false
	}
	return allowed(ctx, z, "escalate", info.Resource, info.Namespace, info.Name)
}

// MayBind tells whether the user may bind subjects to the role in the namespace, "" for everywhere.
func MayBind(ctx context.Context, z authorizer.UnconditionalAuthorizer, ref rbacv1.RoleRef, namespace string) bool {
	resource, known := map[string]string{"Role": "roles", "ClusterRole": "clusterroles"}[ref.Kind]
	return known && allowed(ctx, z, "bind", resource, namespace, ref.Name)
}

func allowed(ctx context.Context, z authorizer.UnconditionalAuthorizer, verb, resource, namespace, name string) bool {
	u, ok := request.UserFrom(ctx)
	if !ok || z == nil {
		return false
	}
	decision, _, err := z.Authorize(ctx, authorizer.AttributesRecord{
		User: u, Verb: verb, Namespace: namespace, Name: name, ResourceRequest: true,
		APIGroup: rbacv1.GroupName, APIVersion: "*", Resource: resource})
	return err == nil && decision == authorizer.DecisionAllow
}

// Confirm returns an error that names the rules in wanted that the user does not hold. Resolution is
// what went wrong while held was found, if anything.
func Confirm(u user.Info, held, wanted []rbacv1.PolicyRule, resolution error) error {
	ok, missing := validation.Covers(held, wanted)
	if ok {
		return nil
	}
	descriptions := sets.New[string]()
	for _, rule := range Compact(missing) {
		descriptions.Insert(Describe(rule))
	}
	message := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		u.GetName(), u.GetGroups(), strings.Join(sets.List(descriptions), "\n"))
	if resolution != nil {
		message += fmt.Sprintf("; resolution errors: %v", []error{resolution})
	}
	return errors.New(message)
}
