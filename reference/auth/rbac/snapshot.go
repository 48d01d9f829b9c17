package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Snapshot returns an authorizer for a policy that does not change: what is stored at one moment.
func Snapshot(roles []rbacv1.Role, clusterRoles []rbacv1.ClusterRole, bindings []rbacv1.RoleBinding, clusterBindings []rbacv1.ClusterRoleBinding) *Authorizer {
	x := newIndex()
	for i := range roles {
		x.setRole(key(&roles[i]), roles[i].Rules)
	}
	for i := range clusterRoles {
		x.setRole(key(&clusterRoles[i]), clusterRoles[i].Rules)
	}
	for i := range bindings {
		x.setBinding(key(&bindings[i]), bindings[i].RoleRef, bindings[i].Subjects)
	}
	for i := range clusterBindings {
		x.setBinding(key(&clusterBindings[i]), clusterBindings[i].RoleRef, clusterBindings[i].Subjects)
	}
	return &Authorizer{index: x}
}

// Rules returns every rule that the user holds in the namespace, or with none in the whole cluster.
// The error tells of bindings whose role does not exist; the rules are complete without them.
func (z *Authorizer) Rules(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	return z.rules(u, namespace)
}
