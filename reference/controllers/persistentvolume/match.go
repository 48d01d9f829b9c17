package persistentvolume

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// match returns the volume among candidates that the claim gets, or nil. One whose claimRef names the claim comes before
// any other; of the rest it is one with the fewest access modes beyond those asked for, and of these the smallest. A claim
// whose binding is delayed gets only a volume that names it: the scheduler picks.
func match(claim *corev1.PersistentVolumeClaim, candidates []*corev1.PersistentVolume, delayed bool) (*corev1.PersistentVolume, error) {
	named, byModes := []*corev1.PersistentVolume{}, map[int][]*corev1.PersistentVolume{}
	for _, volume := range candidates {
		switch {
		case !volumehelpers.CheckAccessModes(claim, volume):
		case volume.Spec.ClaimRef != nil:
			named = append(named, volume)
		default:
			modes := distinct(volume.Spec.AccessModes)
			byModes[modes] = append(byModes[modes], volume)
		}
	}
	groups := [][]*corev1.PersistentVolume{named}
	for modes := range 5 { // there are four modes
		groups = append(groups, byModes[modes])
	}
	for _, group := range groups {
		// Of equals, the first by name: the same claim and volumes always lead to the same binding.
		slices.SortFunc(group, func(a, b *corev1.PersistentVolume) int { return cmp.Compare(a.Name, b.Name) })
		volume, err := volumehelpers.FindMatchingVolume(claim, group, nil, nil, delayed, true)
		if volume != nil || err != nil {
			return volume, err
		}
	}
	return nil, nil
}

func distinct(modes []corev1.PersistentVolumeAccessMode) int {
	seen := map[corev1.PersistentVolumeAccessMode]bool{}
	for _, mode := range modes {
		seen[mode] = true
	}
	return len(seen)
}

// satisfies returns why the volume cannot be bound to a claim that asks for it by name.
func satisfies(claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume) error {
	size, capacity := claim.Spec.Resources.Requests[corev1.ResourceStorage], volume.Spec.Capacity[corev1.ResourceStorage]
	switch {
	case volume.DeletionTimestamp != nil:
		return fmt.Errorf("the volume is marked for deletion %q", volume.Name)
	case capacity.Cmp(size) < 0:
		return errors.New("requested PV is too small")
	case volumehelpers.GetPersistentVolumeClass(volume) != volumehelpers.GetPersistentVolumeClaimClass(claim):
		return errors.New("storageClassName does not match")
	case ptr.Deref(claim.Spec.VolumeAttributesClassName, "") != ptr.Deref(volume.Spec.VolumeAttributesClassName, ""):
		return errors.New("volumeAttributesClassName does not match")
	case volumehelpers.CheckVolumeModeMismatches(&claim.Spec, &volume.Spec):
		return errors.New("incompatible volumeMode")
	case !volumehelpers.CheckAccessModes(claim, volume):
		return errors.New("incompatible accessMode")
	}
	return nil
}
