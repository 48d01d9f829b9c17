package ephemeralvolume

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/ephemeral"
)

// refusal is that a volume cannot have its claim.
type refusal struct {
	volume string
	why    error
}

// plan returns the claims that the pod lacks, and the volumes whose claim is somebody else's. claim returns the claim of
// a name in the pod's namespace, or nil.
func plan(pod *corev1.Pod, claim func(name string) *corev1.PersistentVolumeClaim) (missing []*corev1.PersistentVolumeClaim, refused []refusal) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil, nil
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.Ephemeral == nil || v.Ephemeral.VolumeClaimTemplate == nil {
			continue
		}
		have := claim(ephemeral.VolumeClaimName(pod, v))
		if have == nil {
			missing = append(missing, claimFor(pod, v))
		} else if err := ephemeral.VolumeIsForPod(pod, have); err != nil {
			refused = append(refused, refusal{v.Name, err})
		}
	}
	return missing, refused
}

// claimFor is the claim of the pod's volume.
func claimFor(pod *corev1.Pod, v *corev1.Volume) *corev1.PersistentVolumeClaim {
	template := v.Ephemeral.VolumeClaimTemplate
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       pod.Namespace,
			Name:            ephemeral.VolumeClaimName(pod, v),
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}
