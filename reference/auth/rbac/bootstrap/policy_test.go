package bootstrap

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/etalon-dev/etalon/reference/auth/rbac"
)

func rulesOf(t *testing.T, name string) []rbacv1.PolicyRule {
	t.Helper()
	for _, r := range Default().ClusterRoles {
		if r.Name == name {
			return r.Rules
		}
	}
	t.Fatalf("no ClusterRole %q", name)
	return nil
}

func TestUserFacingRoles(t *testing.T) {
	for _, c := range []struct {
		role, verb, group, resource, subresource string
		want                                     bool
	}{
		{"view", "list", "", "pods", "", true},
		{"view", "get", "", "pods", "log", true},
		{"view", "get", "", "secrets", "", false},
		{"view", "create", "", "pods", "", false},
		{"view", "get", "", "pods", "exec", false},
		{"view", "list", "rbac.authorization.k8s.io", "roles", "", false},
		{"edit", "list", "", "pods", "", true},
		{"edit", "get", "", "secrets", "", true},
		{"edit", "create", "", "pods", "exec", true},
		{"edit", "update", "apps", "deployments", "scale", true},
		{"edit", "create", "", "serviceaccounts", "token", true},
		{"edit", "create", "rbac.authorization.k8s.io", "roles", "", false},
		{"edit", "update", "", "resourcequotas", "", false},
		{"admin", "create", "rbac.authorization.k8s.io", "rolebindings", "", true},
		{"admin", "get", "", "secrets", "", true},
		{"admin", "list", "", "pods", "", true},
		{"admin", "update", "", "namespaces", "", false},
		{"admin", "update", "", "resourcequotas", "", false},
		{"cluster-admin", "anything", "any.group", "things", "parts", true},
		{"system:node", "create", "", "pods", "binding", false},
		{"system:kube-scheduler", "create", "", "pods", "binding", true},
		{"system:controller:replicaset-controller", "delete", "", "pods", "", true},
		{"system:controller:replicaset-controller", "delete", "apps", "deployments", "", false},
	} {
		a := authorizer.AttributesRecord{Verb: c.verb, APIGroup: c.group, Resource: c.resource, Subresource: c.subresource, Namespace: "ns", ResourceRequest: true}
		if got := rbac.RulesAllow(a, rulesOf(t, c.role)); got != c.want {
			t.Errorf("%s may %s %s/%s.%s: got %t, want %t", c.role, c.verb, c.resource, c.subresource, c.group, got, c.want)
		}
	}
}

func TestPolicyIsConsistent(t *testing.T) {
	p := Default()
	exists := map[string]bool{}
	for _, r := range p.ClusterRoles {
		if exists["/"+r.Name] {
			t.Errorf("ClusterRole %q twice", r.Name)
		}
		exists["/"+r.Name] = true
		checkRules(t, r.Name, r.Rules)
	}
	for _, r := range p.Roles {
		exists[r.Namespace+"/"+r.Name] = true
		checkRules(t, r.Name, r.Rules)
	}
	for _, b := range p.ClusterRoleBindings {
		if !exists["/"+b.RoleRef.Name] {
			t.Errorf("ClusterRoleBinding %q refers to ClusterRole %q, which is not there", b.Name, b.RoleRef.Name)
		}
	}
	for _, b := range p.RoleBindings {
		if !exists[b.Namespace+"/"+b.RoleRef.Name] {
			t.Errorf("RoleBinding %s/%s refers to Role %q, which is not there", b.Namespace, b.Name, b.RoleRef.Name)
		}
	}
}

func checkRules(t *testing.T, name string, rules []rbacv1.PolicyRule) {
	t.Helper()
	if len(rules) == 0 {
		t.Errorf("%s has no rules", name)
	}
	for _, r := range rules {
		resource := len(r.APIGroups) > 0 && len(r.Resources) > 0
		if len(r.Verbs) == 0 || resource == (len(r.NonResourceURLs) > 0) {
			t.Errorf("%s: rule is neither for resources nor for paths: %+v", name, r)
		}
	}
}
