package disruption

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// staleTimeout is how long a pod may say that it is about to be disrupted before
// that is taken back.
const staleTimeout = 2 * time.Minute

// staleIn says how long the pod's word that it is about to be disrupted still
// holds: zero or less if it is stale. Not ok if it says nothing of the kind, if it
// has ended or goes, or if it is the kubelet that said so: that keeps its word,
// however long it takes.
func staleIn(pod *corev1.Pod, now time.Time) (wait time.Duration, ok bool) {
	said := controller.PodCondition(pod, corev1.DisruptionTarget)
	if said == nil || said.Status != corev1.ConditionTrue || said.Reason == corev1.PodReasonTerminationByKubelet ||
		pod.DeletionTimestamp != nil || controller.IsFinished(pod) {
		return 0, false
	}
	return said.LastTransitionTime.Add(staleTimeout).Sub(now), true
}

// reconcileStale takes back what the pod says if it is stale.
func (c *Controller) reconcileStale(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	now := c.now()
	if wait, ok := staleIn(pod, now); !ok || wait > 0 {
		return wait, nil
	}
	changed := pod.DeepCopy()
	controller.SetPodCondition(changed, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionFalse,
		ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(now),
	})
	_, err = c.client.CoreV1().Pods(key.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("taking back the disruption of pod %s: %w", key, err)
	}
	return 0, nil
}
