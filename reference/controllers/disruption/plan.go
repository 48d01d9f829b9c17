package disruption

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	pdbhelper "k8s.io/component-helpers/apps/poddisruptionbudget"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// deletionTimeout is how long after an eviction its pod may take until its
// deletion is seen.
const deletionTimeout = 2 * time.Minute

// needsScale reports whether the budget depends on how many pods there should be,
// not only on how many there are.
func needsScale(b *policyv1.PodDisruptionBudget) bool {
	return b.Spec.MaxUnavailable != nil || b.Spec.MinAvailable != nil && b.Spec.MinAvailable.Type == intstr.String
}

// required returns how many of the expected pods have to be healthy. Shares are
// rounded up, of those that may be missing, too.
func required(b *policyv1.PodDisruptionBudget, expected int32) (int32, error) {
	switch {
	case b.Spec.MaxUnavailable != nil:
		missing, err := intstr.GetScaledValueFromIntOrPercent(b.Spec.MaxUnavailable, int(expected), true)
		return max(0, expected-int32(min(missing, int(expected)))), err
	case b.Spec.MinAvailable != nil:
		needed, err := intstr.GetScaledValueFromIntOrPercent(b.Spec.MinAvailable, int(expected), true)
		return int32(needed), err
	}
	return 0, nil
}

// outcome is what a budget amounts to.
type outcome struct {
	status  policyv1.PodDisruptionBudgetStatus
	overdue []*corev1.Pod // evicted, and still there
	recheck time.Duration // when the next pod may be overdue; zero if none can
}

// plan computes the status of the budget over its pods, of which so many are
// expected.
func plan(b *policyv1.PodDisruptionBudget, pods []*corev1.Pod, expected int32, now time.Time) (outcome, error) {
	needed, err := required(b, expected)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{status: *b.Status.DeepCopy()}
	o.status.ObservedGeneration = b.Generation
	o.status.ExpectedPods, o.status.DesiredHealthy, o.status.CurrentHealthy = expected, needed, 0
	o.status.DisruptedPods = nil
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		evicted, noted := b.Status.DisruptedPods[pod.Name]
		switch left := evicted.Add(deletionTimeout).Sub(now); {
		case noted && left > 0:
			o.expect(pod, evicted, left)
			continue
		case noted:
			o.overdue = append(o.overdue, pod)
		}
		if controller.IsReady(pod) {
			o.status.CurrentHealthy++
		}
	}
	// A budget that has no pods yet allows nothing, so that its first ones are safe.
	o.status.DisruptionsAllowed = 0
	if expected > 0 {
		o.status.DisruptionsAllowed = max(0, o.status.CurrentHealthy-needed)
	}
	o.status.Conditions = judged(b, o.status)
	return o, nil
}

// expect keeps the note of an eviction whose pod has yet to go.
func (o *outcome) expect(pod *corev1.Pod, evicted metav1.Time, left time.Duration) {
	if o.status.DisruptedPods == nil {
		o.status.DisruptedPods = map[string]metav1.Time{}
	}
	o.status.DisruptedPods[pod.Name] = evicted
	if o.recheck == 0 || left < o.recheck {
		o.recheck = left
	}
}

// judged returns the conditions of a budget of that status.
func judged(b *policyv1.PodDisruptionBudget, status policyv1.PodDisruptionBudgetStatus) []metav1.Condition {
	judged := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: b.Generation}, Status: status}
	pdbhelper.UpdateDisruptionAllowedCondition(judged)
	return judged.Status.Conditions
}

// failed is the status of a budget that could not be computed: nothing may be
// disrupted.
func failed(b *policyv1.PodDisruptionBudget, cause error) policyv1.PodDisruptionBudgetStatus {
	status := *b.Status.DeepCopy()
	status.DisruptionsAllowed = 0
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
		Message: cause.Error(), ObservedGeneration: status.ObservedGeneration,
	})
	return status
}
