package rbac

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacinformers "k8s.io/client-go/informers/rbac/v1"
	"k8s.io/client-go/tools/cache"
)

// New returns an authorizer that follows the four kinds of policy objects. It knows nothing
// until the informers are started and HasSynced is true; until then it allows nothing.
func New(in rbacinformers.Interface) (*Authorizer, error) {
	z := &Authorizer{index: newIndex()}
	x := z.index
	for _, err := range []error{
		follow(z, in.Roles().Informer(),
			func(o *rbacv1.Role) { x.setRole(key(o), o.Rules) },
			func(o *rbacv1.Role) { x.deleteRole(key(o)) }),
		follow(z, in.ClusterRoles().Informer(),
			func(o *rbacv1.ClusterRole) { x.setRole(key(o), o.Rules) },
			func(o *rbacv1.ClusterRole) { x.deleteRole(key(o)) }),
		follow(z, in.RoleBindings().Informer(),
			func(o *rbacv1.RoleBinding) { x.setBinding(key(o), o.RoleRef, o.Subjects) },
			func(o *rbacv1.RoleBinding) { x.deleteBinding(key(o)) }),
		follow(z, in.ClusterRoleBindings().Informer(),
			func(o *rbacv1.ClusterRoleBinding) { x.setBinding(key(o), o.RoleRef, o.Subjects) },
			func(o *rbacv1.ClusterRoleBinding) { x.deleteBinding(key(o)) }),
	} {
		if err != nil {
			return nil, fmt.Errorf("rbac: follow policy objects: %w", err)
		}
	}
	return z, nil
}

// HasSynced tells whether every policy object that existed at start counts in decisions.
func (z *Authorizer) HasSynced() bool {
	for _, synced := range z.synced {
		if !synced() {
			return false
		}
	}
	return true
}

// Knows tells whether a binding, and the role that it refers to, count in decisions already. The
// namespace is empty for a ClusterRoleBinding.
func (z *Authorizer) Knows(namespace, name string, ref rbacv1.RoleRef) bool {
	role := objectKey{name: ref.Name}
	if ref.Kind == "Role" {
		role.namespace = namespace
	}
	return z.index.knows(objectKey{namespace, name}, role)
}

func key(o metav1.Object) objectKey {
	return objectKey{namespace: o.GetNamespace(), name: o.GetName()}
}

func follow[T metav1.Object](z *Authorizer, informer cache.SharedIndexInformer, set, remove func(T)) error {
	r, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { set(o.(T)) },
		UpdateFunc: func(_, o any) { set(o.(T)) },
		DeleteFunc: func(o any) {
			if tomb, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = tomb.Obj
			}
			if t, ok := o.(T); ok {
				remove(t)
			}
		},
	})
	if err == nil {
		z.synced = append(z.synced, r.HasSynced)
	}
	return err
}
