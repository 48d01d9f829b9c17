package persistentvolume

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

const yes = "yes"

// boundClaim is the claim as it names its volume, and whether that is another claim than it was.
func boundClaim(claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume) (*corev1.PersistentVolumeClaim, bool) {
	_, completed := claim.Annotations[volumehelpers.AnnBindCompleted]
	if claim.Spec.VolumeName == volume.Name && completed {
		return claim, false
	}
	bound := claim.DeepCopy()
	if bound.Spec.VolumeName != volume.Name {
		bound.Spec.VolumeName = volume.Name
		metav1.SetMetaDataAnnotation(&bound.ObjectMeta, volumehelpers.AnnBoundByController, yes)
	}
	metav1.SetMetaDataAnnotation(&bound.ObjectMeta, volumehelpers.AnnBindCompleted, yes)
	return bound, true
}

// claimStatus is the claim with that phase and what its volume, if it has one, gives it. The size and the attributes
// class are taken over when the claim becomes bound: later they are for whoever expands and modifies the volume to tell.
func claimStatus(claim *corev1.PersistentVolumeClaim, phase corev1.PersistentVolumeClaimPhase, volume *corev1.PersistentVolume) (*corev1.PersistentVolumeClaim, bool) {
	want := claim.DeepCopy()
	becomes := claim.Status.Phase != phase
	want.Status.Phase = phase
	switch {
	case volume == nil:
		want.Status.AccessModes, want.Status.Capacity = nil, nil
	default:
		want.Status.AccessModes = volume.Spec.AccessModes
		size, sized := volume.Spec.Capacity[corev1.ResourceStorage]
		if _, told := claim.Status.Capacity[corev1.ResourceStorage]; sized && (becomes || !told) {
			want.Status.Capacity = maps.Clone(claim.Status.Capacity)
			if want.Status.Capacity == nil {
				want.Status.Capacity = corev1.ResourceList{}
			}
			want.Status.Capacity[corev1.ResourceStorage] = size
		}
		if class := ptr.Deref(volume.Spec.VolumeAttributesClassName, ""); becomes && class != "" {
			want.Status.CurrentVolumeAttributesClassName = &class
		}
	}
	return want, !equality.Semantic.DeepEqual(want.Status, claim.Status)
}

// volumePhase is the volume with that phase, and whether it had another. When it changed, the API server notes.
func volumePhase(volume *corev1.PersistentVolume, phase corev1.PersistentVolumePhase, message string) (*corev1.PersistentVolume, bool) {
	if volume.Status.Phase == phase {
		return volume, false
	}
	want := volume.DeepCopy()
	want.Status.Phase, want.Status.Message = phase, message
	return want, true
}

// unbound is the volume without its claim. What a user wrote stays, but for the uid that tells one claim of the name
// from the next.
func unbound(volume *corev1.PersistentVolume) *corev1.PersistentVolume {
	want := volume.DeepCopy()
	if _, ours := want.Annotations[volumehelpers.AnnBoundByController]; ours {
		want.Spec.ClaimRef = nil
		delete(want.Annotations, volumehelpers.AnnBoundByController)
	} else {
		want.Spec.ClaimRef.UID = ""
	}
	return want
}

// free is the volume without our finalizer.
func free(volume *corev1.PersistentVolume) *corev1.PersistentVolume {
	want := volume.DeepCopy()
	want.Finalizers = slices.DeleteFunc(want.Finalizers, func(f string) bool { return f == volumehelpers.PVDeletionInTreeProtectionFinalizer })
	return want
}
