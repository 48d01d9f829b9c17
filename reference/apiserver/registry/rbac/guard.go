package rbac

import (
	"context"
	"errors"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/auth/rbac/escalation"
)

// guarded is a store that lets nobody write what grants more than they hold.
type guarded struct {
	*generic.REST
	check func(ctx context.Context, obj, old runtime.Object) error
}

// Create implements rest.Creater.
func (g *guarded) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := g.guard(ctx, obj, nil); err != nil {
		return nil, err
	}
	return g.REST.Create(ctx, obj, validate, options)
}

// Update implements rest.Updater.
func (g *guarded) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, forceCreate bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	guardedInfo := rest.WrapUpdatedObjectInfo(info, func(ctx context.Context, obj, old runtime.Object) (runtime.Object, error) {
		return obj, g.guard(ctx, obj, old)
	})
	return g.REST.Update(ctx, name, guardedInfo, createValidation, updateValidation, forceCreate, options)
}

func (g *guarded) guard(ctx context.Context, obj, old runtime.Object) error {
	if escalation.Superuser(ctx) || old != nil && onlyForGarbageCollection(obj, old) {
		return nil
	}
	return g.check(ctx, obj, old)
}

// onlyForGarbageCollection: who may not grant a role may still let go of it, by its finalizers and owners.
func onlyForGarbageCollection(obj, old runtime.Object) bool {
	before, after := old.DeepCopyObject().(metav1.Object), obj.DeepCopyObject().(metav1.Object)
	after.SetOwnerReferences(before.GetOwnerReferences())
	after.SetFinalizers(before.GetFinalizers())
	after.SetManagedFields(before.GetManagedFields())
	return equality.Semantic.DeepEqual(before, after)
}

func (p *policy) checkRole(ctx context.Context, obj, _ runtime.Object) error {
	r := obj.(*rbacv1.Role)
	if escalation.MayEscalate(ctx, p.authorizer) {
		return nil
	}
	return forbidden("roles", r.Name, p.confirm(ctx, r.Rules))
}

func (p *policy) checkClusterRole(ctx context.Context, obj, oldObj runtime.Object) error {
	r := obj.(*rbacv1.ClusterRole)
	if escalation.MayEscalate(ctx, p.authorizer) {
		return nil
	}
	if err := p.confirm(ctx, r.Rules); err != nil {
		return forbidden("clusterroles", r.Name, err)
	}
	old, _ := oldObj.(*rbacv1.ClusterRole)
	if r.AggregationRule == nil && (old == nil || old.AggregationRule == nil) {
		return nil
	}
	if p.confirm(ctx, escalation.FullAuthority) != nil {
		return forbidden("clusterroles", r.Name, errors.New("must have cluster-admin privileges to use an aggregationRule"))
	}
	return nil
}

func (p *policy) checkRoleBinding(ctx context.Context, obj, _ runtime.Object) error {
	b := obj.(*rbacv1.RoleBinding)
	namespace, ok := request.NamespaceFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("namespace is required")
	}
	return p.checkBinding(ctx, "rolebindings", b.Name, b.RoleRef, namespace)
}

func (p *policy) checkClusterRoleBinding(ctx context.Context, obj, _ runtime.Object) error {
	b := obj.(*rbacv1.ClusterRoleBinding)
	return p.checkBinding(ctx, "clusterrolebindings", b.Name, b.RoleRef, "")
}

func (p *policy) checkBinding(ctx context.Context, resource, name string, ref rbacv1.RoleRef, namespace string) error {
	if escalation.MayBind(ctx, p.authorizer, ref, namespace) {
		return nil
	}
	rules, err := p.rulesOf(ctx, ref, namespace)
	if err != nil {
		return err
	}
	return forbidden(resource, name, p.confirm(ctx, rules))
}

func forbidden(resource, name string, err error) error {
	if err == nil {
		return nil
	}
	return apierrors.NewForbidden(rbacv1.Resource(resource), name, err)
}
