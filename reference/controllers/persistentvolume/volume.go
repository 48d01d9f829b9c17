package persistentvolume

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	volumehelpers "k8s.io/component-helpers/storage/volume"
)

// volumePlan is what to do about a volume, in this order.
type volumePlan struct {
	// unbind takes the volume from its claim.
	unbind bool
	// phase and message are what the status has to say; as it does if phase is empty.
	phase   corev1.PersistentVolumePhase
	message string
	// event is told if the phase changes.
	event *event
	// mismatch is told about the volume and the claim.
	mismatch *event
	// delete names the provisioner that has to delete what is behind the volume.
	delete string
	// letGo takes our finalizer off: the volume may go without what is behind it.
	letGo bool
}

// planVolume sees to a volume whose claim, as claimRef names it by name and uid, is there unless nil.
func planVolume(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim, builtIn func(string) bool) volumePlan {
	plan := planBinding(volume, claim, builtIn)
	plan.letGo = volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete && held(volume)
	return plan
}

// held says whether our finalizer keeps the volume.
func held(volume *corev1.PersistentVolume) bool {
	return slices.Contains(volume.Finalizers, volumehelpers.PVDeletionInTreeProtectionFinalizer)
}

func planBinding(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim, builtIn func(string) bool) volumePlan {
	ref := volume.Spec.ClaimRef
	_, ours := volume.Annotations[volumehelpers.AnnBoundByController]
	switch {
	case ref == nil || ref.UID == "":
		return volumePlan{phase: corev1.VolumeAvailable}
	case claim == nil:
		return release(volume, builtIn)
	case claim.Spec.VolumeName == volume.Name:
		return volumePlan{phase: corev1.VolumeBound}
	case claim.Spec.VolumeName == "" && volume.DeletionTimestamp != nil:
		// It goes before its claim took it, which gets another.
		return release(volume, builtIn)
	case claim.Spec.VolumeName == "":
		if !ours && volumehelpers.CheckVolumeModeMismatches(&claim.Spec, &volume.Spec) {
			return volumePlan{mismatch: warning(VolumeMismatch,
				"Cannot bind PersistentVolume to requested PersistentVolumeClaim %q due to incompatible volumeMode.", claim.Name)}
		}
		return volumePlan{} // The claim's turn: half a binding, or one that a user began.
	}
	_, made := volume.Annotations[volumehelpers.AnnDynamicallyProvisioned]
	if made && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
		// It was made for the claim, which took another.
		return release(volume, builtIn)
	}
	return volumePlan{unbind: true, phase: corev1.VolumeAvailable}
}

// release sees to a volume whose claim is gone.
func release(volume *corev1.PersistentVolume, builtIn func(string) bool) volumePlan {
	failed := func(e *event) volumePlan {
		return volumePlan{phase: corev1.VolumeFailed, message: e.message, event: e}
	}
	plan := volumePlan{phase: corev1.VolumeReleased}
	if volume.Status.Phase == corev1.VolumeFailed {
		plan.phase = ""
	}
	if _, external := volume.Annotations[volumehelpers.AnnMigratedTo]; external {
		return plan
	}
	switch volume.Spec.PersistentVolumeReclaimPolicy {
	case corev1.PersistentVolumeReclaimRetain:
	case corev1.PersistentVolumeReclaimDelete:
		by := volume.Annotations[volumehelpers.AnnDynamicallyProvisioned]
		switch {
		case by != "" && builtIn(by):
			plan.delete = by
		case by == "" || inTree(by):
			return failed(warning(VolumeFailedDelete, "error getting deleter volume plugin for volume %q: %s", volume.Name, noDeleter(by)))
		}
	case corev1.PersistentVolumeReclaimRecycle:
		return failed(warning(VolumeFailedRecycle, "No recycler plugin found for the volume!"))
	default:
		return failed(warning(VolumeUnknownReclaimPolicy, "Volume has an unrecognized reclaim policy"))
	}
	return plan
}

func noDeleter(provisioner string) string {
	if provisioner == "" {
		return "no deletable volume plugin matched"
	}
	return fmt.Sprintf("no volume plugin matched name: %s", provisioner)
}
