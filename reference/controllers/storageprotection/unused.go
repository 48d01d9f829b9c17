package storageprotection

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/ephemeral"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// withUnused is the claim with the condition Unused, and whether it said something else before. Its transition time is
// since when no pod refers to the claim; one that has no node yet does, one that has ended does not (KEP-5541).
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#unused-pvc-tracking
func withUnused(claim *corev1.PersistentVolumeClaim, pods []*corev1.Pod, now metav1.Time) (*corev1.PersistentVolumeClaim, bool) {
	if claim.DeletionTimestamp != nil {
		return claim, false // whoever waits for its end has no use for it
	}
	want := corev1.PersistentVolumeClaimCondition{Type: corev1.PersistentVolumeClaimUnused, Status: corev1.ConditionTrue, LastTransitionTime: now,
		Reason: "NoPodsUsingPVC", Message: "No pods are currently referencing this PVC"}
	if slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return refers(pod, claim) }) {
		want.Status, want.Reason, want.Message = corev1.ConditionFalse, "PodUsingPVC", "A pod is currently referencing this PVC"
	}
	at := slices.IndexFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool { return c.Type == want.Type })
	if at >= 0 && claim.Status.Conditions[at].Status == want.Status {
		return claim, false
	}
	told := claim.DeepCopy()
	if at < 0 {
		told.Status.Conditions = append(told.Status.Conditions, want)
	} else {
		told.Status.Conditions[at] = want
	}
	return told, true
}

// refers tells whether the pod, which has not ended, names the claim.
func refers(pod *corev1.Pod, claim *corev1.PersistentVolumeClaim) bool {
	if controller.IsFinished(pod) {
		return false
	}
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name ||
			v.Ephemeral != nil && ephemeral.VolumeClaimName(pod, &v) == claim.Name && ephemeral.VolumeIsForPod(pod, claim) == nil
	})
}
