package bootstrap

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	rbacclient "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
)

// parallel bounds the requests under way: enough that round trips overlap at start.
const parallel = 16

// Ensure brings a cluster's roles and bindings up to the policy: it creates what is missing, adds
// missing rules and subjects, and makes a binding anew that refers to another role. It takes
// nothing away that an administrator has added, and leaves objects alone that are annotated
// `rbac.authorization.kubernetes.io/autoupdate: "false"`. Roles are complete before any binding is
// written, so nobody is bound to a role that does not exist yet.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
func (p Policy) Ensure(ctx context.Context, client kubernetes.Interface) error {
	api := client.RbacV1()
	g := newGroup(ctx)
	for i := range p.ClusterRoles {
		r := &p.ClusterRoles[i]
		g.ensure("ClusterRole "+r.Name, func() error {
			return ensureRole(reconciliation.ClusterRoleRuleOwner{ClusterRole: r}, reconciliation.ClusterRoleModifier{Client: api.ClusterRoles()})
		})
	}
	for i := range p.Roles {
		r := &p.Roles[i]
		g.ensure("Role "+r.Namespace+"/"+r.Name, func() error {
			return ensureRole(reconciliation.RoleRuleOwner{Role: r}, reconciliation.RoleModifier{Client: api, NamespaceClient: client.CoreV1().Namespaces()})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return p.ensureBindings(ctx, client, api)
}

func (p Policy) ensureBindings(ctx context.Context, client kubernetes.Interface, api rbacclient.RbacV1Interface) error {
	g := newGroup(ctx)
	for i := range p.ClusterRoleBindings {
		b := &p.ClusterRoleBindings[i]
		g.ensure("ClusterRoleBinding "+b.Name, func() error {
			return ensureBinding(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: b}, reconciliation.ClusterRoleBindingClientAdapter{Client: api.ClusterRoleBindings()})
		})
	}
	for i := range p.RoleBindings {
		b := &p.RoleBindings[i]
		g.ensure("RoleBinding "+b.Namespace+"/"+b.Name, func() error {
			return ensureBinding(reconciliation.RoleBindingAdapter{RoleBinding: b}, reconciliation.RoleBindingClientAdapter{Client: api, NamespaceClient: client.CoreV1().Namespaces()})
		})
	}
	return g.Wait()
}

type ensureGroup struct {
	*errgroup.Group
	ctx context.Context
}

func newGroup(ctx context.Context) ensureGroup {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	return ensureGroup{g, ctx}
}

// ensure runs f unless an earlier one failed; a conflict means that another API server of the
// cluster reconciles too, and is tried again.
func (g ensureGroup) ensure(what string, f func() error) {
	g.Go(func() error {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		if err := retry.RetryOnConflict(retry.DefaultBackoff, f); err != nil {
			return fmt.Errorf("default RBAC policy: %s: %w", what, err)
		}
		return nil
	})
}

func ensureRole(role reconciliation.RuleOwner, client reconciliation.RuleOwnerModifier) error {
	_, err := (&reconciliation.ReconcileRoleOptions{Role: role, Client: client, Confirm: true}).Run()
	return err
}

func ensureBinding(b reconciliation.RoleBinding, client reconciliation.RoleBindingModifier) error {
	_, err := (&reconciliation.ReconcileRoleBindingOptions{RoleBinding: b, Client: client, Confirm: true}).Run()
	return err
}
