package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
)

// roll takes one step of a rolling update: first the current set grows as far
// as the surge allows, then the old ones shrink as far as availability allows.
func roll(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) []change {
	if current == nil {
		return []change{{do: create, set: newSet(d, grown(d, nil, old), nextRevision(old))}}
	}
	target := wanted(d)
	if size(current) < target {
		target = grown(d, current, old)
	}
	if changes := resize(d, current, target); changes != nil {
		return changes
	}
	return shrink(d, current, old)
}

// grown is the size to which the current set may grow so that no more than
// mostPods exist at any time. As long as a set may have pods that are not known
// yet, it does not grow at all.
func grown(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) int32 {
	sets := all(current, old)
	for _, rs := range sets {
		if !settled(rs) {
			return size(current)
		}
	}
	room := mostPods(d) - sum(sets, mostLive)
	missing := wanted(d) - size(current)
	return size(current) + max(0, min(room, missing))
}

// shrink takes pods from the old sets: those that are not healthy first, since
// that costs nothing, then as many as are available beyond the least allowed.
func shrink(d *appsv1.Deployment, current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) []change {
	if len(active(old)) == 0 {
		return nil
	}
	sets := all(current, old)
	least := leastAvailable(d)
	spare := max(0, sum(sets, surelyAvailable)-least)
	// What the current set still has to bring up is needed and not spare.
	unhealthy := sum(sets, size) - least - (size(current) - surelyAvailable(current))

	sizes := make([]int32, len(old))
	for i, rs := range old {
		sick := min(max(0, unhealthy), sickPods(rs, spare))
		sizes[i] = size(rs) - sick
		unhealthy -= sick
		spare -= cost(rs, sick)
	}
	var changes []change
	for i, rs := range old {
		healthy := min(spare, sizes[i])
		spare -= healthy
		if to := sizes[i] - healthy; to < size(rs) {
			changes = append(changes, resize(d, rs, to)...)
		}
	}
	return changes
}

// sickPods is how many pods of the set can be removed as unhealthy without the
// loss of more than spare available ones.
func sickPods(rs *appsv1.ReplicaSet, spare int32) int32 {
	sick := max(0, size(rs)-surelyAvailable(rs))
	if surelyAvailable(rs) == 0 {
		return sick
	}
	return min(sick, notReady(rs)+spare)
}

// cost is how many available pods may be lost if so many are removed.
func cost(rs *appsv1.ReplicaSet, removed int32) int32 {
	return min(surelyAvailable(rs), max(0, removed-notReady(rs)))
}

// notReady is how many of the pods the set asks for are not ready or not there;
// they are the first to go.
func notReady(rs *appsv1.ReplicaSet) int32 { return max(0, size(rs)-rs.Status.ReadyReplicas) }
