package bootstrap_test

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/etalon-dev/etalon/reference/auth/rbac/bootstrap"
	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/proxy"
	"github.com/etalon-dev/etalon/reference/scheduler"
)

// Each part may do what it says that it does.
func TestPartsMayDoTheirWork(t *testing.T) {
	for user, needs := range map[string][]rbacv1.PolicyRule{
		"system:kube-controller-manager": controllers.Rules,
		"system:kube-scheduler":          scheduler.Rules,
		"system:kube-proxy":              proxy.Rules,
	} {
		if ok, missing := validation.Covers(granted(bootstrap.Default(), user), needs); !ok {
			t.Errorf("%s lacks %v", user, missing)
		}
	}
}

// granted are the rules of a user, in any namespace.
func granted(p bootstrap.Policy, user string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, binding := range p.ClusterRoleBindings {
		for _, subject := range binding.Subjects {
			if subject.Name != user && subject.Name != "system:authenticated" {
				continue
			}
			for _, role := range p.ClusterRoles {
				if role.Name == binding.RoleRef.Name {
					rules = append(rules, role.Rules...)
				}
			}
		}
	}
	for _, binding := range p.RoleBindings {
		for _, subject := range binding.Subjects {
			for _, role := range p.Roles {
				if subject.Name == user && role.Name == binding.RoleRef.Name && role.Namespace == binding.Namespace {
					rules = append(rules, role.Rules...)
				}
			}
		}
	}
	return rules
}
