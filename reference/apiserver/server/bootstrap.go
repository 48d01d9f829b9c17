package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/admission/priority"
	"github.com/etalon-dev/etalon/reference/auth/rbac/bootstrap"
)

// systemNamespaces exist from the start. See the documentation, "Namespaces: Initial namespaces".
var systemNamespaces = []string{
	metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease,
}

// bootstrapHooks create what every cluster has before its first user; /readyz waits for them. The
// names are upstream's, which tools that read /readyz?verbose know.
func (b *builtInServer) bootstrapHooks() map[string]genericapiserver.PostStartHookFunc {
	hook := func(ensure func(context.Context, kubernetes.Interface) error) genericapiserver.PostStartHookFunc {
		return func(h genericapiserver.PostStartHookContext) error { return insist(h, b.client, ensure) }
	}
	return map[string]genericapiserver.PostStartHookFunc{
		"start-cluster-authentication-info-controller": b.publishTrust,
		"start-legacy-token-tracking-controller":       b.trackTokens,
		"start-system-namespaces-controller":           hook(ensureNamespaces),
		"bootstrap-controller":                         hook(b.ensureKubernetesService),
		"start-kubernetes-service-cidr-controller":     hook(b.ensureServiceCIDR),
		"rbac/bootstrap-roles":                         hook(b.ensurePolicy),
		"scheduling/bootstrap-system-priority-classes": hook(ensurePriorityClasses),
		"priority-and-fairness-config-producer":        b.keepFlowControl,
	}
}

const (
	insistEvery = 50 * time.Millisecond
	// complainEvery is how often to tell what keeps the server from being ready.
	complainEvery = time.Minute
	// informersEvery is how often to look whether an informer has caught up.
	informersEvery = 2 * time.Millisecond
)

// insist tries ensure until it succeeds: the stores behind the API may still be starting, and
// another API server may be writing the same objects. The error of a start hook would end the process,
// so neither a slow machine nor the server's own end is one: whoever starts a server decides how long
// to wait for /readyz, which names the hook.
func insist(ctx context.Context, client kubernetes.Interface, ensure func(context.Context, kubernetes.Interface) error) error {
	complain := time.Now().Add(complainEvery)
	err := wait.PollUntilContextCancel(ctx, insistEvery, true, func(ctx context.Context) (bool, error) {
		err := ensure(ctx, client)
		if err != nil && time.Now().After(complain) {
			klog.FromContext(ctx).Error(err, "Cannot create what every cluster has, will try again")
			complain = time.Now().Add(complainEvery)
		}
		return err == nil, nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// ensurePolicy creates the default roles and bindings and waits until authorization goes by them, so
// that no component is refused by a server that is ready.
func (b *builtInServer) ensurePolicy(ctx context.Context, client kubernetes.Interface) error {
	policy := bootstrap.Default()
	if err := policy.Ensure(ctx, client); err != nil || b.authz.rbac == nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, informersEvery, true, func(context.Context) (bool, error) {
		return b.knows(policy), nil
	})
}

// knows tells whether authorization goes by every binding of the policy.
func (b *builtInServer) knows(policy bootstrap.Policy) bool {
	return !slices.ContainsFunc(policy.ClusterRoleBindings, func(binding rbacv1.ClusterRoleBinding) bool {
		return !b.authz.rbac.Knows("", binding.Name, binding.RoleRef)
	}) && !slices.ContainsFunc(policy.RoleBindings, func(binding rbacv1.RoleBinding) bool {
		return !b.authz.rbac.Knows(binding.Namespace, binding.Name, binding.RoleRef)
	})
}

func ensureNamespaces(ctx context.Context, client kubernetes.Interface) error {
	var errs []error
	for _, name := range systemNamespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		_, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
		errs = append(errs, unlessExists(err))
	}
	return errors.Join(errs...)
}

func ensurePriorityClasses(ctx context.Context, client kubernetes.Interface) error {
	var errs []error
	for _, class := range priority.SystemClasses() {
		_, err := client.SchedulingV1().PriorityClasses().Create(ctx, class, metav1.CreateOptions{})
		errs = append(errs, unlessExists(err))
	}
	return errors.Join(errs...)
}

func unlessExists(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}
