package garbagecollector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ownerState is what was found out about one owner of an object.
type ownerState int

const (
	// present owners keep the object.
	present ownerState = iota
	// unjudgeable owners, those of a namespaced kind that a cluster-scoped object
	// names, keep the object too.
	unjudgeable
	// absent owners do not exist.
	absent
	// waiting owners are being deleted in the foreground.
	waiting
)

// verdict is what to do about an object.
type verdict struct {
	do     verb
	owners []metav1.OwnerReference    // those to keep, if do is trim
	policy metav1.DeletionPropagation // if do is remove
}

type verb int

const (
	leave  verb = iota // nothing
	trim               // remove references to owners that are not there to stay
	remove             // delete the object
)

// judge decides about an object from the state of each of its owners. It waits
// for none; hasDependents says whether it has dependents.
func judge(live *metav1.PartialObjectMetadata, states []ownerState, hasDependents bool) verdict {
	var kept []metav1.OwnerReference
	waits := false
	for i, state := range states {
		switch state {
		case present, unjudgeable:
			kept = append(kept, live.OwnerReferences[i])
		case waiting:
			waits = true
		case absent:
		}
	}
	switch {
	case len(states) == 0 || len(kept) == len(states):
		return verdict{do: leave}
	case len(kept) > 0:
		return verdict{do: trim, owners: kept}
	case waits && hasDependents:
		// The owner's foreground deletion becomes the object's own.
		return verdict{do: remove, policy: metav1.DeletePropagationForeground}
	}
	return verdict{do: remove, policy: inheritedPolicy(live)}
}

// inheritedPolicy keeps to what the object's finalizers ask for already.
func inheritedPolicy(live *metav1.PartialObjectMetadata) metav1.DeletionPropagation {
	switch {
	case slices.Contains(live.Finalizers, metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case slices.Contains(live.Finalizers, metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// unblocked returns the references, none of which blocks the deletion of these owners.
func unblocked(refs []metav1.OwnerReference, owners []types.UID) []metav1.OwnerReference {
	refs = slices.Clone(refs)
	for i := range refs {
		if blocks(refs[i]) && slices.Contains(owners, refs[i].UID) {
			never := false
			refs[i].BlockOwnerDeletion = &never
		}
	}
	return refs
}

// without returns the references but those to the owner.
func without(refs []metav1.OwnerReference, owner *object) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(refs), func(ref metav1.OwnerReference) bool { return ref.UID == owner.uid })
}
