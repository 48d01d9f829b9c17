// Package rbac declares the resources of the rbac.authorization.k8s.io group, v1.
package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// Roles is the roles resource.
var Roles = generic.Resource[*rbacv1.Role]{
	GV: rbacv1.SchemeGroupVersion, Plural: "roles", Singular: "role",
	Object: &rbacv1.Role{}, List: &rbacv1.RoleList{},
	Validate:       validation.Role,
	ValidateUpdate: validation.RoleUpdate,
	CreateOnUpdate: true,
}

// ClusterRoles is the clusterroles resource.
var ClusterRoles = generic.Resource[*rbacv1.ClusterRole]{
	GV: rbacv1.SchemeGroupVersion, Plural: "clusterroles", Singular: "clusterrole", Cluster: true,
	Object: &rbacv1.ClusterRole{}, List: &rbacv1.ClusterRoleList{},
	Validate:       validation.ClusterRole,
	ValidateUpdate: validation.ClusterRoleUpdate,
	CreateOnUpdate: true,
}

// RoleBindings is the rolebindings resource.
var RoleBindings = generic.Resource[*rbacv1.RoleBinding]{
	GV: rbacv1.SchemeGroupVersion, Plural: "rolebindings", Singular: "rolebinding",
	Object: &rbacv1.RoleBinding{}, List: &rbacv1.RoleBindingList{},
	Validate:       validation.RoleBinding,
	ValidateUpdate: validation.RoleBindingUpdate,
	CreateOnUpdate: true,
	Columns:        bindingColumns(func(b *rbacv1.RoleBinding) (rbacv1.RoleRef, []rbacv1.Subject) { return b.RoleRef, b.Subjects }),
}

// ClusterRoleBindings is the clusterrolebindings resource.
var ClusterRoleBindings = generic.Resource[*rbacv1.ClusterRoleBinding]{
	GV: rbacv1.SchemeGroupVersion, Plural: "clusterrolebindings", Singular: "clusterrolebinding", Cluster: true,
	Object: &rbacv1.ClusterRoleBinding{}, List: &rbacv1.ClusterRoleBindingList{},
	Validate:       validation.ClusterRoleBinding,
	ValidateUpdate: validation.ClusterRoleBindingUpdate,
	CreateOnUpdate: true,
	Columns:        bindingColumns(func(b *rbacv1.ClusterRoleBinding) (rbacv1.RoleRef, []rbacv1.Subject) { return b.RoleRef, b.Subjects }),
}
