package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// step is what to do next for a Deployment.
type step struct {
	changes []change
	// rollout says that the Deployment is being rolled out, rather than resized
	// or paused, so that its progress is to be judged.
	rollout bool
}

// plan returns the next step towards d, never exceeding the bounds of its
// strategy. The sets are those that d owns, the pods theirs; only Recreate
// looks at pods.
func plan(d *appsv1.Deployment, sets []*appsv1.ReplicaSet, pods []*corev1.Pod) step {
	current, old := split(d, sets)
	if d.DeletionTimestamp != nil {
		return step{}
	}
	if stale := refresh(d, current, old); stale != nil {
		return step{changes: stale, rollout: !d.Spec.Paused}
	}
	if d.Spec.Paused {
		return step{changes: append(rescale(d, current, old), surplusHistory(d, old)...)}
	}
	if wasScaled(d, sets) {
		if changes := rescale(d, current, old); changes != nil {
			return step{changes: changes}
		}
	}
	var changes []change
	if isRolling(d) {
		changes = roll(d, current, old)
	} else {
		changes = recreate(d, current, old, pods)
	}
	if changes == nil && complete(d, &d.Status) {
		changes = surplusHistory(d, old)
	}
	return step{changes: changes, rollout: true}
}

// refresh brings what is copied from the Deployment to its current set up to
// date, and gives the set the latest revision if it has come back from the past.
func refresh(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) []change {
	if current == nil {
		return nil
	}
	rs := current.DeepCopy()
	changed := noteRevision(d, rs, nextRevision(old))
	if rs.Spec.MinReadySeconds != d.Spec.MinReadySeconds {
		rs.Spec.MinReadySeconds = d.Spec.MinReadySeconds
		changed = true
	}
	if !changed {
		return nil
	}
	return []change{{do: update, set: rs, from: size(current)}}
}

// wasScaled reports whether a set was last sized for another number of replicas.
func wasScaled(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) bool {
	for _, rs := range active(sets) {
		if desired, ok := intAnnotation(rs, desiredReplicasAnnotation); ok && desired != wanted(d) {
			return true
		}
	}
	return false
}

// surplusHistory removes the oldest of the sets that are kept for going back to,
// beyond as many as the Deployment wants.
func surplusHistory(d *appsv1.Deployment, old []*appsv1.ReplicaSet) []change {
	if d.Spec.RevisionHistoryLimit == nil || *d.Spec.RevisionHistoryLimit == math.MaxInt32 {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(old), func(rs *appsv1.ReplicaSet) bool { return rs.DeletionTimestamp != nil })
	surplus := len(kept) - int(*d.Spec.RevisionHistoryLimit)
	if surplus <= 0 {
		return nil
	}
	slices.SortStableFunc(kept, func(a, b *appsv1.ReplicaSet) int { return cmp.Compare(revision(a), revision(b)) })
	var changes []change
	for _, rs := range kept[:surplus] {
		if rs.Status.Replicas == 0 && size(rs) == 0 && settled(rs) {
			changes = append(changes, change{do: remove, set: rs})
		}
	}
	return changes
}
