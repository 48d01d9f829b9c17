package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// rescale follows a change of the number of replicas, without moving on with a
// rollout. With one set in use it gets them all; in the middle of a rollout they
// are shared among the sets in proportion to their sizes, to spread the risk
// that lies in not knowing yet whether the new template is any good.
func rescale(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) []change {
	sets := all(current, old)
	switch used := active(sets); {
	case len(used) == 1:
		return resize(d, used[0], wanted(d))
	case len(used) == 0 && current != nil:
		return resize(d, current, wanted(d))
	case len(used) == 0 && len(old) > 0:
		return resize(d, old[len(old)-1], wanted(d))
	case saturated(d, current):
		var changes []change
		for _, rs := range active(old) {
			changes = append(changes, resize(d, rs, 0)...)
		}
		return changes
	case isRolling(d):
		if mostPods(d) > sum(used, size) && shrinking(sets) {
			return nil // what is too many in one set may be there yet when another has its share
		}
		return shareOut(d, used)
	}
	return nil
}

// saturated reports whether the current set carries the Deployment alone.
func saturated(d *appsv1.Deployment, current *appsv1.ReplicaSet) bool {
	if current == nil {
		return false
	}
	desired, ok := intAnnotation(current, desiredReplicasAnnotation)
	return ok && size(current) == wanted(d) && desired == wanted(d) && current.Status.AvailableReplicas == wanted(d)
}

// shrinking reports whether a set has, or may have, more pods than it is to have.
func shrinking(sets []*appsv1.ReplicaSet) bool {
	return slices.ContainsFunc(sets, unsettled) || sum(sets, mostLive) > sum(sets, size)
}

// shareOut changes the sizes of the sets so that they add up to the most pods
// allowed. The bigger sets come first, and the newer ones before older ones of
// their size where pods are added, after them where they are taken away; what
// rounding leaves over goes to the first.
func shareOut(d *appsv1.Deployment, used []*appsv1.ReplicaSet) []change {
	missing := mostPods(d) - sum(used, size)
	sets := slices.SortedFunc(slices.Values(used), func(a, b *appsv1.ReplicaSet) int {
		age := byAge(a, b)
		if missing > 0 {
			age = -age
		}
		return cmp.Or(-cmp.Compare(size(a), size(b)), age)
	})
	sizes := make([]int32, len(sets))
	var given int32
	for i, rs := range sets {
		part := proportion(d, rs, missing, given)
		sizes[i] = size(rs) + part
		given += part
	}
	var changes []change
	for i, rs := range sets {
		if i == 0 {
			sizes[i] = max(0, sizes[i]+missing-given)
		}
		changes = append(changes, resize(d, rs, sizes[i])...)
	}
	return changes
}

// proportion is the set's part of the pods that are missing (or, if negative,
// too many), of which so many have been given out before.
func proportion(d *appsv1.Deployment, rs *appsv1.ReplicaSet, missing, given int32) int32 {
	left := missing - given
	if size(rs) == 0 || left == 0 {
		return 0
	}
	if missing > 0 {
		return min(fraction(d, rs), left)
	}
	return max(fraction(d, rs), left)
}

// fraction is by how much the set changes if it keeps its share of the most pods
// the Deployment may have, before and after.
func fraction(d *appsv1.Deployment, rs *appsv1.ReplicaSet) int32 {
	if wanted(d) == 0 {
		return -size(rs)
	}
	before, ok := intAnnotation(rs, maxReplicasAnnotation)
	if !ok || before == 0 {
		before = d.Status.Replicas
	}
	if before == 0 {
		return 0
	}
	share := float64(size(rs)) * float64(mostPods(d)) / float64(before)
	return int32(math.Round(share)) - size(rs)
}
