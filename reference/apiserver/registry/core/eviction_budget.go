package core

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	pdbhelper "k8s.io/component-helpers/apps/poddisruptionbudget"
)

// maxDisruptedPods bounds how many evictions may be under way that the disruption controller has
// not seen end.
const maxDisruptedPods = 2000

// mayIgnoreBudget says whether evicting pod disrupts nothing: it has not started, has ended, or
// is on its way out.
func mayIgnoreBudget(pod *corev1.Pod) bool {
	return podEnded(pod) || pod.Status.Phase == corev1.PodPending || pod.DeletionTimestamp != nil
}

// countsAsHealthy says whether evicting pod costs the budget. A pod that is not ready costs nothing
// while enough others are healthy, or under policy AlwaysAllow at any time.
func countsAsHealthy(pod *corev1.Pod, budget *policyv1.PodDisruptionBudget) bool {
	if c := podCondition(&pod.Status, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
		return true
	}
	if p := budget.Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		return false
	}
	return budget.Status.CurrentHealthy < budget.Status.DesiredHealthy || budget.Status.DesiredHealthy == 0
}

// spendDisruption takes one of the disruptions that b allows for the named pod, or refuses: 429 with
// cause DisruptionBudget when there is none left or the controller has yet to look at the budget.
func spendDisruption(b *policyv1.PodDisruptionBudget, pod string, now metav1.Time) error {
	forbidden := func(message string) error {
		return apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name, errors.New(message))
	}
	switch {
	case b.Status.ObservedGeneration < b.Generation:
		return budgetSpent(10, fmt.Sprintf("The disruption budget %s is still being processed by the server.", b.Name))
	case b.Status.DisruptionsAllowed < 0:
		return forbidden("pdb disruptions allowed is negative")
	case len(b.Status.DisruptedPods) > maxDisruptedPods:
		return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller")
	case b.Status.DisruptionsAllowed == 0:
		if c := meta.FindStatusCondition(b.Status.Conditions, policyv1.DisruptionAllowedCondition); c != nil && c.Reason == policyv1.SyncFailedReason {
			return budgetSpent(0, fmt.Sprintf("The disruption budget %s does not allow evicting pods currently because it failed sync: %v", b.Name, c.Message))
		}
		return budgetSpent(0, fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
			b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy))
	}
	b.Status.DisruptionsAllowed--
	if b.Status.DisruptionsAllowed == 0 {
		pdbhelper.UpdateDisruptionAllowedCondition(b)
	}
	if b.Status.DisruptedPods == nil {
		b.Status.DisruptedPods = map[string]metav1.Time{}
	}
	b.Status.DisruptedPods[pod] = now
	return nil
}

func budgetSpent(retryAfterSeconds int, cause string) error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause, Message: cause})
	return err
}
