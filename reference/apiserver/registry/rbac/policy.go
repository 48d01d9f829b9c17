package rbac

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/auth/rbac"
	"github.com/etalon-dev/etalon/reference/auth/rbac/escalation"
)

// Install builds the group's storage. The authorizer says who may escalate and bind.
func Install(getter apigeneric.RESTOptionsGetter, authorizer authorizer.UnconditionalAuthorizer) (map[string]rest.Storage, error) {
	m := map[string]rest.Storage{}
	if err := generic.Install(m, getter, &ClusterRoles, &ClusterRoleBindings, &Roles, &RoleBindings); err != nil {
		return nil, err
	}
	p := &policy{authorizer: authorizer,
		roles: m["roles"].(*generic.REST), clusterRoles: m["clusterroles"].(*generic.REST),
		bindings: m["rolebindings"].(*generic.REST), clusterBindings: m["clusterrolebindings"].(*generic.REST)}
	m["roles"] = &guarded{p.roles, p.checkRole}
	m["clusterroles"] = &guarded{p.clusterRoles, p.checkClusterRole}
	m["rolebindings"] = &guarded{p.bindings, p.checkRoleBinding}
	m["clusterrolebindings"] = &guarded{p.clusterBindings, p.checkClusterRoleBinding}
	return m, nil
}

// policy reads roles and bindings as they are stored now. A cache could miss the role that somebody
// made a moment ago and now binds, or still know a binding that is gone.
type policy struct {
	authorizer                                     authorizer.UnconditionalAuthorizer
	roles, clusterRoles, bindings, clusterBindings *generic.REST
}

// confirm fails unless the requester holds the rules in the namespace of the request.
func (p *policy) confirm(ctx context.Context, wanted []rbacv1.PolicyRule) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return errors.New("no user on context")
	}
	namespace := request.NamespaceValue(ctx)
	stored, err := p.read(ctx, namespace)
	if err != nil {
		return err
	}
	held, err := stored.Rules(u, namespace)
	return escalation.Confirm(u, held, wanted, err)
}

func (p *policy) read(ctx context.Context, namespace string) (*rbac.Authorizer, error) {
	clusterRoles, err := list[rbacv1.ClusterRoleList](ctx, p.clusterRoles, "")
	if err != nil {
		return nil, err
	}
	clusterBindings, err := list[rbacv1.ClusterRoleBindingList](ctx, p.clusterBindings, "")
	if err != nil {
		return nil, err
	}
	roles, bindings := &rbacv1.RoleList{}, &rbacv1.RoleBindingList{}
	if namespace != "" {
		if roles, err = list[rbacv1.RoleList](ctx, p.roles, namespace); err != nil {
			return nil, err
		}
		if bindings, err = list[rbacv1.RoleBindingList](ctx, p.bindings, namespace); err != nil {
			return nil, err
		}
	}
	return rbac.Snapshot(roles.Items, clusterRoles.Items, bindings.Items, clusterBindings.Items), nil
}

func list[T any](ctx context.Context, store *generic.REST, namespace string) (*T, error) {
	got, err := store.List(request.WithNamespace(ctx, namespace), &internalversion.ListOptions{})
	if err != nil {
		return nil, err
	}
	typed, ok := any(got).(*T)
	if !ok {
		return nil, fmt.Errorf("wanted a %T, got a %T", typed, got)
	}
	return typed, nil
}

// rulesOf are the rules of the role that a binding in the namespace refers to.
func (p *policy) rulesOf(ctx context.Context, ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "Role":
		got, err := p.roles.Get(request.WithNamespace(ctx, namespace), ref.Name, &metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return got.(*rbacv1.Role).Rules, nil
	case "ClusterRole":
		got, err := p.clusterRoles.Get(request.WithNamespace(ctx, ""), ref.Name, &metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return got.(*rbacv1.ClusterRole).Rules, nil
	}
	return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
}
