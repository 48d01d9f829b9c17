package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestSpendDisruption(t *testing.T) {
	budget := func(allowed int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "b", Generation: 1},
			Status:     policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, DisruptionsAllowed: allowed, DesiredHealthy: 2, CurrentHealthy: 2},
		}
	}
	b := budget(1)
	if err := spendDisruption(b, "p", metav1.Now()); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Status.DisruptedPods["p"]; !ok || b.Status.DisruptionsAllowed != 0 || b.Status.Conditions[0].Status != metav1.ConditionFalse {
		t.Errorf("spent: %+v", b.Status)
	}

	err := spendDisruption(b, "q", metav1.Now())
	if !apierrors.IsTooManyRequests(err) || !apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause) {
		t.Fatalf("a spent budget: %v", err)
	}
	cause := err.(*apierrors.StatusError).ErrStatus.Details.Causes[0].Message
	if want := "The disruption budget b needs 2 healthy pods and has 2 currently"; cause != want {
		t.Errorf("cause %q, want %q", cause, want)
	}

	unknown := budget(0)
	unknown.Status.Conditions = []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Reason: policyv1.SyncFailedReason, Message: "no scale"}}
	err = spendDisruption(unknown, "p", metav1.Now())
	if want := "The disruption budget b does not allow evicting pods currently because it failed sync: no scale"; !apierrors.IsTooManyRequests(err) ||
		err.(*apierrors.StatusError).ErrStatus.Details.Causes[0].Message != want {
		t.Errorf("a budget that could not be computed: %v", err)
	}

	unseen := budget(1)
	unseen.Generation = 2
	if err := spendDisruption(unseen, "p", metav1.Now()); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a budget that its controller has not seen: %v", err)
	}
	if err := spendDisruption(budget(-1), "p", metav1.Now()); !apierrors.IsForbidden(err) {
		t.Errorf("a negative budget: %v", err)
	}
}

func TestCountsAsHealthy(t *testing.T) {
	always := ptr.To(policyv1.AlwaysAllow)
	for _, c := range []struct {
		name             string
		ready            corev1.ConditionStatus
		policy           *policyv1.UnhealthyPodEvictionPolicyType
		current, desired int32
		want             bool
	}{
		{"ready", corev1.ConditionTrue, always, 3, 2, true},
		{"not ready, enough are", corev1.ConditionFalse, nil, 2, 2, false},
		{"not ready, too few are", corev1.ConditionFalse, nil, 1, 2, true},
		{"not ready, none wanted", corev1.ConditionFalse, nil, 0, 0, true},
		{"not ready, always allowed", corev1.ConditionFalse, always, 1, 2, false},
	} {
		p := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{condition(corev1.PodReady, c.ready)}}}
		b := &policyv1.PodDisruptionBudget{
			Spec:   policyv1.PodDisruptionBudgetSpec{UnhealthyPodEvictionPolicy: c.policy},
			Status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: c.current, DesiredHealthy: c.desired},
		}
		if got := countsAsHealthy(p, b); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
