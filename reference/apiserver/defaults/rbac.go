package defaults

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerRBAC(s *runtime.Scheme) {
	addWithList(s, setRoleBinding, func(l *rbacv1.RoleBindingList) []rbacv1.RoleBinding { return l.Items })
	addWithList(s, setClusterRoleBinding, func(l *rbacv1.ClusterRoleBindingList) []rbacv1.ClusterRoleBinding { return l.Items })
}

func setRoleBinding(b *rbacv1.RoleBinding) {
	orElse(&b.RoleRef.APIGroup, rbacv1.GroupName)
	each(b.Subjects, setSubject)
}

func setClusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	orElse(&b.RoleRef.APIGroup, rbacv1.GroupName)
	each(b.Subjects, setSubject)
}

// setSubject gives users and groups the RBAC group; service accounts are in the core group, "".
func setSubject(s *rbacv1.Subject) {
	if s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind {
		orElse(&s.APIGroup, rbacv1.GroupName)
	}
}
