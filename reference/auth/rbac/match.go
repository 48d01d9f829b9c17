package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// RuleAllows tells whether one rule grants the request. Everything that must hold is here:
// verb, then group, resource and name for a resource request, or the path for any other.
// See https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources.
func RuleAllows(a authorizer.Attributes, rule *rbacv1.PolicyRule) bool {
	if !has(rule.Verbs, a.GetVerb(), rbacv1.VerbAll) {
		return false
	}
	if !a.IsResourceRequest() {
		return pathMatches(rule.NonResourceURLs, a.GetPath())
	}
	return has(rule.APIGroups, a.GetAPIGroup(), rbacv1.APIGroupAll) &&
		resourceMatches(rule.Resources, a.GetResource(), a.GetSubresource()) &&
		nameMatches(rule.ResourceNames, a.GetName())
}

// RulesAllow tells whether any of the rules grants the request.
func RulesAllow(a authorizer.Attributes, rules []rbacv1.PolicyRule) bool {
	for i := range rules {
		if RuleAllows(a, &rules[i]) {
			return true
		}
	}
	return false
}

func has(list []string, want, wildcard string) bool {
	for _, s := range list {
		if s == want || s == wildcard {
			return true
		}
	}
	return false
}

// resourceMatches knows four forms: `*` (every resource and subresource), `pods` (not its
// subresources), `pods/log` and `*/scale` (one subresource of every resource). `pods/*` is not
// a wildcard to RBAC: it names a subresource called `*` and so grants nothing.
func resourceMatches(list []string, resource, subresource string) bool {
	for _, s := range list {
		if s == rbacv1.ResourceAll {
			return true
		}
		if subresource == "" {
			if s == resource {
				return true
			}
			continue
		}
		if isPath(s, resource, subresource) || isPath(s, "*", subresource) {
			return true
		}
	}
	return false
}

// isPath is s == parent+"/"+child without building the string.
func isPath(s, parent, child string) bool {
	return len(s) == len(parent)+1+len(child) && s[len(parent)] == '/' && strings.HasPrefix(s, parent) && strings.HasSuffix(s, child)
}

// nameMatches: no names means every name. A request without a name (create, list without a
// metadata.name field selector) is granted only by a rule without names.
func nameMatches(list []string, name string) bool {
	if len(list) == 0 {
		return true
	}
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

func pathMatches(list []string, path string) bool {
	for _, s := range list {
		if s == rbacv1.NonResourceAll || s == path {
			return true
		}
		if strings.HasSuffix(s, "*") && strings.HasPrefix(path, strings.TrimRight(s, "*")) {
			return true
		}
	}
	return false
}
