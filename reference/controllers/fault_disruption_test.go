package controllers_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// The set of three has two ready pods at every moment from when it first had three.
func budgetFaults() []fault.Scenario {
	return []fault.Scenario{{
		Name: "budget", Start: runs("disruption-controller", "replicaset-controller"), Outcome: budgetOutcome, Throughout: atMost(4, 2),
		Steps: []fault.Step{
			{Name: "create", Do: createBudget, Until: budgetIs(3, 1)},
			{Name: "evict", Do: evictOne, Until: budgetIs(3, 1)},
			{Name: "ask for all", Do: func(ctx context.Context, r *fault.Round) error {
				_, err := r.Client.PolicyV1().PodDisruptionBudgets(r.Namespace).Patch(ctx, "web", types.MergePatchType,
					[]byte(`{"spec":{"maxUnavailable":null,"minAvailable":3}}`), metav1.PatchOptions{})
				return err
			}, Until: budgetIs(3, 0)},
		},
	}}
}

// createBudget makes the set web of three, of which one may be missing.
func createBudget(ctx context.Context, r *fault.Round) error {
	d := deployment(r.Namespace, "web", 3)
	rs := &appsv1.ReplicaSet{ObjectMeta: d.ObjectMeta, Spec: appsv1.ReplicaSetSpec{Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Template: d.Spec.Template}}
	if _, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Create(ctx, rs, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := r.Client.PolicyV1().PodDisruptionBudgets(r.Namespace).Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: new(intstr.FromInt32(1)), Selector: d.Spec.Selector},
	}, metav1.CreateOptions{})
	return err
}

func evictOne(ctx context.Context, r *fault.Round) error {
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return r.Client.PolicyV1().Evictions(r.Namespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: pods.Items[0].Name},
	})
}

// budgetIs waits until the budget knows of so many healthy pods, allows so many
// disruptions, and expects no evicted pod to go.
func budgetIs(healthy, allowed int32) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		b, err := r.Client.PolicyV1().PodDisruptionBudgets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		s := b.Status
		if s.ObservedGeneration != b.Generation || s.CurrentHealthy != healthy || s.DisruptionsAllowed != allowed || len(s.DisruptedPods) > 0 {
			return fmt.Errorf("generation %d, status %s", b.Generation, fault.Text(s))
		}
		return nil
	}
}

func budgetOutcome(ctx context.Context, r *fault.Round) (string, error) {
	b, err := r.Client.PolicyV1().PodDisruptionBudgets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	pods, err := podOutcome(ctx, r)
	return fault.Lines(append(pods, fault.Text(b.Status))), err
}
