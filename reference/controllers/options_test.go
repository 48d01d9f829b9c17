package controllers

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/etalon-dev/etalon/reference/auth/rbac/bootstrap"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
)

func TestChoose(t *testing.T) {
	for list, want := range map[string]func(name string) bool{
		"":                         func(string) bool { return true },
		"*":                        func(string) bool { return true },
		"*,-deployment-controller": func(name string) bool { return name != "deployment-controller" },
		"replicaset-controller":    func(name string) bool { return name == "replicaset-controller" },
		"-*":                       nil,
		"*,-no-such-controller":    nil,
		"-replicaset-controller":   func(string) bool { return false },
	} {
		var items []string
		if list != "" {
			items = strings.Split(list, ",")
		}
		got, err := choose(items)
		if want == nil {
			if err == nil {
				t.Errorf("%q is taken without an error", list)
			}
			continue
		}
		wanted := slices.DeleteFunc(Names(), func(name string) bool { return !want(name) })
		if err != nil || !slices.Equal(got, wanted) {
			t.Errorf("%q chooses %v, error %v; want %v", list, got, err, wanted)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	reachable := &rest.Config{Host: "https://127.0.0.1:6443"}
	for name, test := range map[string]struct {
		options Options
		want    string // in the error; none if empty
	}{
		"no API server":       {Options{}, "no way to reach"},
		"no root certificate": {Options{Config: reachable}, "needs a root certificate"},
		"none needed":         {Options{Config: reachable, Controllers: []string{"*", "-" + rootCAName}}, ""},
		"a negative time":     {Options{Config: reachable, RootCA: []byte("x"), NodeLifecycle: nodelifecycle.Options{Grace: -1}}, "must be positive"},
		"all that it takes":   {Options{Config: reachable, RootCA: []byte("x")}, ""},
	} {
		err := test.options.complete()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// The user that the controllers run as is allowed what they do.
func TestBootstrapPolicyCoversTheRules(t *testing.T) {
	policy := bootstrap.Default()
	var granted []rbacv1.PolicyRule
	for _, binding := range policy.ClusterRoleBindings {
		if !slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.UserKind && s.Name == "system:kube-controller-manager" ||
				s.Kind == rbacv1.GroupKind && s.Name == "system:authenticated"
		}) {
			continue
		}
		for _, role := range policy.ClusterRoles {
			if role.Name == binding.RoleRef.Name {
				granted = append(granted, role.Rules...)
			}
		}
	}
	if covered, missing := validation.Covers(granted, Rules); !covered {
		t.Errorf("the bootstrap policy does not grant %+v", missing)
	}
}
