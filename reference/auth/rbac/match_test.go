package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestResourceMatches(t *testing.T) {
	for _, c := range []struct {
		rule, resource, subresource string
		want                        bool
	}{
		{"*", "pods", "", true},
		{"*", "pods", "log", true},
		{"pods", "pods", "", true},
		{"pods", "pods", "log", false},
		{"pods/log", "pods", "log", true},
		{"pods/log", "pods", "", false},
		{"pods/log", "pods", "exec", false},
		{"*/scale", "deployments", "scale", true},
		{"*/scale", "deployments", "status", false},
		{"*/scale", "deployments", "", false},
		{"pods/*", "pods", "log", false}, // not a wildcard to RBAC
		{"pods/*", "pods", "", false},
		{"", "pods", "", false},
	} {
		if got := resourceMatches([]string{c.rule}, c.resource, c.subresource); got != c.want {
			t.Errorf("rule %q, request %s/%s: got %t, want %t", c.rule, c.resource, c.subresource, got, c.want)
		}
	}
}

func TestPathMatches(t *testing.T) {
	for _, c := range []struct {
		rule, path string
		want       bool
	}{
		{"*", "/anything", true},
		{"/healthz", "/healthz", true},
		{"/healthz", "/healthz/etcd", false},
		{"/healthz/*", "/healthz/etcd", true},
		{"/healthz/*", "/healthz", false},
		{"/heal*", "/healthz", true},
		{"/a*b", "/axb", false},
	} {
		if got := pathMatches([]string{c.rule}, c.path); got != c.want {
			t.Errorf("rule %q, path %q: got %t, want %t", c.rule, c.path, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	rule := &rbacv1.PolicyRule{Verbs: []string{"get", "create"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"mine"}}
	for _, c := range []struct {
		verb, name string
		want       bool
	}{
		{"get", "mine", true},
		{"get", "other", false},
		{"create", "", false}, // a create has no name yet, so a rule with names cannot grant it
		{"delete", "mine", false},
	} {
		a := authorizer.AttributesRecord{Verb: c.verb, Resource: "configmaps", Name: c.name, ResourceRequest: true}
		if got := RuleAllows(a, rule); got != c.want {
			t.Errorf("%s %q: got %t, want %t", c.verb, c.name, got, c.want)
		}
	}
}
