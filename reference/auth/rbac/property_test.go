package rbac

import (
	"context"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"pgregory.net/rapid"
)

// world is the policy as a plain list of objects, in which the oracle looks everything up anew.
type world struct {
	roles    map[objectKey][]rbacv1.PolicyRule
	bindings map[objectKey]boundTo
}

type boundTo struct {
	ref      rbacv1.RoleRef
	subjects []rbacv1.Subject
}

// allows follows the documentation word by word and does nothing cleverly.
func (w world) allows(a authorizer.AttributesRecord) bool {
	for k, b := range w.bindings {
		if k.namespace != "" && k.namespace != a.Namespace {
			continue
		}
		role := objectKey{name: b.ref.Name}
		if b.ref.Kind == "Role" {
			if k.namespace == "" {
				continue
			}
			role.namespace = k.namespace
		}
		if !slices.ContainsFunc(b.subjects, func(s rbacv1.Subject) bool { return oracleSubject(a.User, k.namespace, s) }) {
			continue
		}
		if slices.ContainsFunc(w.roles[role], func(r rbacv1.PolicyRule) bool { return oracleRule(a, r) }) {
			return true
		}
	}
	return false
}

func oracleSubject(u user.Info, namespace string, s rbacv1.Subject) bool {
	switch s.Kind {
	case "User":
		return u.GetName() == s.Name
	case "Group":
		return slices.Contains(u.GetGroups(), s.Name)
	case "ServiceAccount":
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		return namespace != "" && u.GetName() == "system:serviceaccount:"+namespace+":"+s.Name
	}
	return false
}

func oracleRule(a authorizer.AttributesRecord, r rbacv1.PolicyRule) bool {
	in := func(l []string, want ...string) bool {
		return slices.ContainsFunc(want, func(w string) bool { return slices.Contains(l, w) })
	}
	if !in(r.Verbs, "*", a.Verb) {
		return false
	}
	if !a.ResourceRequest {
		return slices.ContainsFunc(r.NonResourceURLs, func(p string) bool {
			return p == a.Path || strings.HasSuffix(p, "*") && strings.HasPrefix(a.Path, p[:len(p)-1])
		})
	}
	resources := []string{"*", a.Resource}
	if a.Subresource != "" {
		resources = []string{"*", a.Resource + "/" + a.Subresource, "*/" + a.Subresource}
	}
	return in(r.APIGroups, "*", a.APIGroup) && in(r.Resources, resources...) && (len(r.ResourceNames) == 0 || in(r.ResourceNames, a.Name))
}

func some(t *rapid.T, label string, of ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID[string]).Draw(t, label)
}

func one(t *rapid.T, label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }

// TestAgainstOracle applies random changes to policy and asks random questions in between: the
// index must always agree with looking everything up anew.
func TestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := &Authorizer{index: newIndex()}
		w := world{map[objectKey][]rbacv1.PolicyRule{}, map[objectKey]boundTo{}}
		objects := func() objectKey {
			return objectKey{one(t, "namespace", "", "blue", "red"), one(t, "name", "x", "y", "z")}
		}
		t.Repeat(map[string]func(*rapid.T){
			"set role": func(t *rapid.T) {
				k := objects()
				rules := make([]rbacv1.PolicyRule, rapid.IntRange(0, 2).Draw(t, "rules"))
				for i := range rules {
					rules[i] = rbacv1.PolicyRule{Verbs: some(t, "verbs", "*", "get", "list"), APIGroups: some(t, "groups", "*", "", "apps"),
						Resources:     some(t, "resources", "*", "pods", "pods/log", "*/log", "pods/*", "*/scale"),
						ResourceNames: some(t, "names", "a", "b"), NonResourceURLs: some(t, "urls", "*", "/a", "/a/*", "/a/b")}
				}
				z.index.setRole(k, rules)
				w.roles[k] = rules
			},
			"delete role": func(t *rapid.T) { k := objects(); z.index.deleteRole(k); delete(w.roles, k) },
			"set binding": func(t *rapid.T) {
				k := objects()
				b := boundTo{ref: rbacv1.RoleRef{Kind: one(t, "kind", "Role", "ClusterRole"), Name: one(t, "role", "x", "y", "z")},
					subjects: make([]rbacv1.Subject, rapid.IntRange(0, 3).Draw(t, "subjects"))}
				for i := range b.subjects {
					b.subjects[i] = rbacv1.Subject{Kind: one(t, "subject kind", "User", "Group", "ServiceAccount", "Robot"),
						Name: one(t, "subject", "ann", "bob", "system:serviceaccount:blue:ann"), Namespace: one(t, "subject namespace", "", "blue", "red")}
				}
				z.index.setBinding(k, b.ref, b.subjects)
				w.bindings[k] = b
			},
			"delete binding": func(t *rapid.T) { k := objects(); z.index.deleteBinding(k); delete(w.bindings, k) },
			"": func(t *rapid.T) {
				a := authorizer.AttributesRecord{
					User: &user.DefaultInfo{Name: one(t, "user", "ann", "bob", "system:serviceaccount:blue:ann", "system:serviceaccount:red:bob"), Groups: some(t, "of", "ann", "bob", "none")},
					Verb: one(t, "verb", "get", "list", "delete")}
				if rapid.Bool().Draw(t, "resource") {
					a.ResourceRequest, a.Namespace = true, one(t, "in", "", "blue", "red")
					a.APIGroup, a.Resource, a.Subresource, a.Name = one(t, "group", "", "apps"), one(t, "resource", "pods", "nodes"), one(t, "sub", "", "log", "scale"), one(t, "of name", "", "a", "c")
				} else {
					a.Path = one(t, "path", "/a", "/a/b", "/a/c", "/b")
				}
				d, reason, err := z.Authorize(context.Background(), a)
				if err != nil || d == authorizer.DecisionDeny {
					t.Fatalf("decision %v, error %v: RBAC only allows or has no opinion", d, err)
				}
				if got, want := d == authorizer.DecisionAllow, w.allows(a); got != want {
					t.Fatalf("%+v of %+v: got %t (%s), oracle says %t", a, a.User, got, reason, want)
				}
			},
		})
	})
}
