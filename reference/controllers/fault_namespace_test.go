package controllers_test

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// The round's own namespace is deleted, and goes once nothing keeps it.
func namespaceFaults() []fault.Scenario {
	return []fault.Scenario{{
		Name: "namespace", Start: runs("namespace-controller"), Cluster: []string{"namespaces"}, Outcome: namespaceOutcome,
		Steps: []fault.Step{
			{Name: "fill", Do: fillNamespace},
			{Name: "delete", Do: func(ctx context.Context, r *fault.Round) error {
				return r.Client.CoreV1().Namespaces().Delete(ctx, r.Namespace, metav1.DeleteOptions{})
			}, Until: namespaceWaits},
			{Name: "let go", Do: func(ctx context.Context, r *fault.Round) error {
				_, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Patch(ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
				return err
			}, Until: func(ctx context.Context, r *fault.Round) error {
				if _, err := r.Client.CoreV1().Namespaces().Get(ctx, r.Namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
					return fmt.Errorf("the namespace is still there: %v", err)
				}
				return nil
			}},
		},
	}}
}

// fillNamespace makes pods, a Secret, and a ConfigMap that somebody holds on to.
func fillNamespace(ctx context.Context, r *fault.Round) error {
	if err := makeOrphans(ctx, r); err != nil {
		return err
	}
	if _, err := r.Client.CoreV1().Secrets(r.Namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	held := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"faults.etalon.dev/held"}}}
	_, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Create(ctx, held, metav1.CreateOptions{})
	return err
}

// namespaceWaits waits until the namespace says that only the ConfigMap is left.
func namespaceWaits(ctx context.Context, r *fault.Round) error {
	ns, err := r.Client.CoreV1().Namespaces().Get(ctx, r.Namespace, metav1.GetOptions{})
	if err != nil {
		return err
	}
	said := map[corev1.NamespaceConditionType]string{}
	for _, c := range ns.Status.Conditions {
		said[c.Type] = c.Message
	}
	if said[corev1.NamespaceContentRemaining] != "Some resources are remaining: configmaps. has 1 resource instances" ||
		said[corev1.NamespaceFinalizersRemaining] != "Some content in the namespace has finalizers remaining: faults.etalon.dev/held in 1 resource instances" {
		return fmt.Errorf("status %s", fault.Text(ns.Status))
	}
	return nil
}

// namespaceOutcome tells what is left where the namespace was.
func namespaceOutcome(ctx context.Context, r *fault.Round) (string, error) {
	pods, err1 := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	secrets, err2 := r.Client.CoreV1().Secrets(r.Namespace).List(ctx, metav1.ListOptions{})
	configMaps, err3 := r.Client.CoreV1().ConfigMaps(r.Namespace).List(ctx, metav1.ListOptions{})
	accounts, err4 := r.Client.CoreV1().ServiceAccounts(r.Namespace).List(ctx, metav1.ListOptions{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods, %d Secrets, %d ConfigMaps, %d ServiceAccounts", len(pods.Items), len(secrets.Items), len(configMaps.Items), len(accounts.Items)), nil
}
