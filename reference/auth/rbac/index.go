package rbac

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// objectKey names a Role or RoleBinding; without a namespace a ClusterRole or ClusterRoleBinding.
type objectKey struct{ namespace, name string }

// subjectKey is where the grants of one user or group are found, in one namespace or, with
// none, in the whole cluster. ServiceAccounts are kept under their user name.
type subjectKey struct {
	namespace string
	group     bool
	name      string
}

// grant is one subject of one binding: the role it gets, and the sentence that says so.
type grant struct {
	binding string
	role    objectKey
	reason  string
	err     error // the binding can never grant anything
}

// index is the policy, arranged by subject, so that a request costs a few map look-ups: one
// for its user and one for each of its groups, cluster-wide and in its namespace.
type index struct {
	mu       sync.RWMutex
	roles    map[objectKey][]rbacv1.PolicyRule
	bindings map[objectKey][]subjectKey // which keys of grants a binding stands under
	grants   map[subjectKey][]grant     // sorted by binding
}

func newIndex() *index {
	return &index{
		roles:    map[objectKey][]rbacv1.PolicyRule{},
		bindings: map[objectKey][]subjectKey{},
		grants:   map[subjectKey][]grant{},
	}
}

func (x *index) setRole(k objectKey, rules []rbacv1.PolicyRule) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.roles[k] = rules
}

func (x *index) deleteRole(k objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.roles, k)
}

func (x *index) setBinding(k objectKey, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeGrants(k)
	keys := make([]subjectKey, 0, len(subjects))
	for _, s := range subjects {
		key, ok := keyOf(k.namespace, s)
		if !ok || slices.Contains(keys, key) {
			continue
		}
		keys = append(keys, key)
		list := slices.Clone(x.grants[key])
		at, _ := slices.BinarySearchFunc(list, k.name, func(g grant, name string) int { return strings.Compare(g.binding, name) })
		x.grants[key] = slices.Insert(list, at, newGrant(k, ref, s))
	}
	x.bindings[k] = keys
}

// knows tells whether a binding and its role have both arrived.
func (x *index) knows(binding, role objectKey) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, bound := x.bindings[binding]
	_, defined := x.roles[role]
	return bound && defined
}

func (x *index) deleteBinding(k objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeGrants(k)
	delete(x.bindings, k)
}

func (x *index) removeGrants(k objectKey) {
	for _, key := range x.bindings[k] {
		left := slices.DeleteFunc(slices.Clone(x.grants[key]), func(g grant) bool { return g.binding == k.name })
		if len(left) == 0 {
			delete(x.grants, key)
			continue
		}
		x.grants[key] = left
	}
}

// keyOf is false for a subject that can match nobody: an unknown kind, or a ServiceAccount
// that names no namespace in a ClusterRoleBinding.
func keyOf(namespace string, s rbacv1.Subject) (subjectKey, bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		return subjectKey{namespace: namespace, name: s.Name}, true
	case rbacv1.GroupKind:
		return subjectKey{namespace: namespace, group: true, name: s.Name}, true
	case rbacv1.ServiceAccountKind:
		home := s.Namespace
		if home == "" {
			home = namespace
		}
		return subjectKey{namespace: namespace, name: serviceaccount.MakeUsername(home, s.Name)}, home != ""
	}
	return subjectKey{}, false
}

func newGrant(k objectKey, ref rbacv1.RoleRef, s rbacv1.Subject) grant {
	g := grant{binding: k.name, role: objectKey{name: ref.Name}}
	switch {
	case ref.Kind == "ClusterRole":
	case ref.Kind == "Role" && k.namespace != "":
		g.role.namespace = k.namespace
	default:
		g.err = fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
	}
	kind, name, who := "ClusterRoleBinding", k.name, s.Name
	if k.namespace != "" {
		kind, name = "RoleBinding", k.name+"/"+k.namespace
	}
	if s.Kind == rbacv1.ServiceAccountKind {
		home := s.Namespace
		if home == "" {
			home = k.namespace
		}
		who += "/" + home
	}
	g.reason = fmt.Sprintf("RBAC: allowed by %s %q of %s %q to %s %q", kind, name, ref.Kind, ref.Name, s.Kind, who)
	return g
}

// visit calls f with every grant of the user that counts in the namespace, cluster-wide ones
// first, with the rules of its role or the reason why there are none, until f returns false.
// f runs under the index's read lock: it must not call back.
func (x *index) visit(u user.Info, namespace string, f func(*grant, []rbacv1.PolicyRule, error) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.visitScope(u, "", f) && namespace != "" {
		x.visitScope(u, namespace, f)
	}
}

func (x *index) visitScope(u user.Info, namespace string, f func(*grant, []rbacv1.PolicyRule, error) bool) bool {
	if !x.visitKey(subjectKey{namespace: namespace, name: u.GetName()}, f) {
		return false
	}
	for _, g := range u.GetGroups() {
		if !x.visitKey(subjectKey{namespace: namespace, group: true, name: g}, f) {
			return false
		}
	}
	return true
}

func (x *index) visitKey(k subjectKey, f func(*grant, []rbacv1.PolicyRule, error) bool) bool {
	list := x.grants[k]
	for i := range list {
		g := &list[i]
		rules, ok := x.roles[g.role]
		err := g.err
		if err == nil && !ok {
			err = notFound(g.role)
		}
		if err != nil {
			rules = nil
		}
		if !f(g, rules, err) {
			return false
		}
	}
	return true
}

func notFound(role objectKey) error {
	if role.namespace == "" {
		return errors.NewNotFound(rbacv1.Resource("clusterrole"), role.name)
	}
	return errors.NewNotFound(rbacv1.Resource("role"), role.name)
}
