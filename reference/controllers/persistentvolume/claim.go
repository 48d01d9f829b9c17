package persistentvolume

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// claimView is all that the decision about a claim depends on.
type claimView struct {
	claim *corev1.PersistentVolumeClaim
	// volume is the one of the name in spec.volumeName; nil if there is none.
	volume *corev1.PersistentVolume
	// candidates are the free volumes of the claim's class, and those whose claimRef names the claim.
	candidates []*corev1.PersistentVolume
	// class is the StorageClass that the claim names; nil if there is none of that name.
	class *storagev1.StorageClass
	// fallback is the default StorageClass; nil if there is none.
	fallback *storagev1.StorageClass
	// unscheduled are the names of the pods that use the claim and have no node.
	unscheduled []string
	// builtIn says whether a provisioner is one of ours.
	builtIn func(provisioner string) bool
}

// claimPlan is what to do about a claim: the first of bind, fallback and provision that is set; then the phase, if it
// is another, and the event.
type claimPlan struct {
	bind *corev1.PersistentVolume
	// fallback is the class to give the claim.
	fallback string
	// provision is the class by which a volume has to be made.
	provision *storagev1.StorageClass
	phase     corev1.PersistentVolumeClaimPhase
	event     *event
	// once: the event tells of the change to the phase, and of nothing if it is that already.
	once bool
}

func planClaim(v *claimView) (claimPlan, error) {
	if _, completed := v.claim.Annotations[volumehelpers.AnnBindCompleted]; completed {
		return planBound(v), nil
	}
	if v.claim.DeletionTimestamp != nil {
		return claimPlan{}, nil
	}
	if v.claim.Spec.VolumeName != "" {
		return planNamed(v)
	}
	return planOpen(v)
}

// planBound sees to a claim that has been bound: it stays so while its volume is there and knows it.
func planBound(v *claimView) claimPlan {
	lost := func(e *event) claimPlan { return claimPlan{phase: corev1.ClaimLost, event: e, once: true} }
	switch {
	case v.claim.Spec.VolumeName == "":
		return lost(warning(ClaimLost, "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"))
	case v.volume == nil:
		return lost(warning(ClaimLost, "Bound claim has lost its PersistentVolume. Data on the volume is lost!"))
	case v.volume.Spec.ClaimRef == nil || v.volume.Spec.ClaimRef.UID == v.claim.UID:
		return claimPlan{bind: v.volume}
	case v.volume.Spec.ClaimRef.UID == "" && volumehelpers.IsVolumeBoundToClaim(v.volume, v.claim):
		return claimPlan{bind: v.volume}
	}
	return lost(warning(ClaimMisbound, "Two claims are bound to the same volume, this one is bound incorrectly"))
}

// planNamed sees to a claim that asks for a volume by name.
func planNamed(v *claimView) (claimPlan, error) {
	pending := claimPlan{phase: corev1.ClaimPending}
	if v.volume == nil {
		return pending, nil
	}
	ref := v.volume.Spec.ClaimRef
	switch {
	case ref != nil && !volumehelpers.IsVolumeBoundToClaim(v.volume, v.claim):
		if _, ours := v.claim.Annotations[volumehelpers.AnnBoundByController]; ours {
			return claimPlan{}, fmt.Errorf("invalid binding of claim %q to volume %q: volume already claimed by %q",
				v.claim.Namespace+"/"+v.claim.Name, v.volume.Name, ref.Namespace+"/"+ref.Name)
		}
		pending.event = warning(FailedBinding, "volume %q already bound to a different claim.", v.volume.Name)
		return pending, nil
	case ref != nil && ref.UID == v.claim.UID:
		return claimPlan{bind: v.volume}, nil
	}
	if err := satisfies(v.claim, v.volume); err != nil {
		pending.event = warning(VolumeMismatch, "Cannot bind to requested volume %q: %s", v.volume.Name, err)
		return pending, nil
	}
	return claimPlan{bind: v.volume}, nil
}

// planOpen sees to a claim that takes any volume that fits.
func planOpen(v *claimView) (claimPlan, error) {
	delayed := v.class != nil && ptr.Deref(v.class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer
	volume, err := match(v.claim, v.candidates, delayed)
	if err != nil {
		return claimPlan{}, err
	}
	pending := claimPlan{phase: corev1.ClaimPending}
	name := volumehelpers.GetPersistentVolumeClaimClass(v.claim)
	switch {
	case volume != nil:
		return claimPlan{bind: volume}, nil
	case v.fallback != nil && !volumehelpers.PersistentVolumeClaimHasClass(v.claim):
		return claimPlan{fallback: v.fallback.Name}, nil
	case delayed && !volumehelpers.IsDelayBindingProvisioning(v.claim):
		pending.event = normal(WaitForFirstConsumer, waitingForFirstConsumer)
		switch len(v.unscheduled) {
		case 0:
		case 1:
			pending.event = normal(WaitForPodScheduled, "waiting for pod %s to be scheduled", v.unscheduled[0])
		default:
			pending.event = normal(WaitForPodScheduled, "waiting for pods %s to be scheduled", strings.Join(v.unscheduled, ","))
		}
	case name == "":
		pending.event = normal(FailedBinding, noVolumesAndNoClass)
	case v.class == nil:
		pending.event = warning(ProvisioningFailed, "storageclass.storage.k8s.io %q not found", name)
	case inTree(v.class.Provisioner) && !v.builtIn(v.class.Provisioner):
		pending.event = warning(ProvisioningFailed, "no volume plugin matched name: %s", v.class.Provisioner)
	default:
		pending.provision = v.class
		if !v.builtIn(v.class.Provisioner) {
			pending.event = normal(ExternalProvisioning, waitingForExternalProvision, v.class.Provisioner)
		}
	}
	return pending, nil
}

// inTree says whether the provisioner's name is one of those that nobody outside may have.
func inTree(provisioner string) bool { return strings.HasPrefix(provisioner, "kubernetes.io/") }
