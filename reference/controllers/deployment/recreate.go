package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// recreate empties the old sets, waits until the last of their pods has ended,
// and then fills the current one.
func recreate(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet, pods []*corev1.Pod) []change {
	var changes []change
	for _, rs := range active(old) {
		changes = append(changes, resize(d, rs, 0)...)
	}
	if changes != nil || oldPodsRun(current, old, pods) {
		return changes
	}
	if current == nil {
		return []change{{do: create, set: newSet(d, wanted(d), nextRevision(old))}}
	}
	return resize(d, current, wanted(d))
}

// oldPodsRun reports whether a pod of another template has not ended yet. What
// the pods themselves show may be out of date, and not every ReplicaSet
// controller counts terminating pods; only where both say none there is none.
func oldPodsRun(current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet, pods []*corev1.Pod) bool {
	for _, rs := range old {
		if !settled(rs) || rs.Status.Replicas > 0 || ptr.Deref(rs.Status.TerminatingReplicas, 0) > 0 {
			return true
		}
	}
	for _, pod := range pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if runs(pod) && ref != nil && (current == nil || ref.UID != current.UID) {
			return true
		}
	}
	return false
}
