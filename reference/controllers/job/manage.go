package job

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// burst is the most pods made or deleted in one go, and the most that the status names as ended and not counted.
// What is left follows once the caches show these.
const burst = 500

// manage says how to get from the active pods to the wanted number of them. Where some have to go, none are made.
func manage(v *view, past *failures) decision {
	if isSuspended(v.job) {
		drop := v.active[:min(len(v.active), burst)]
		return decision{drop: drop, suspended: len(drop) == len(v.active)}
	}
	want := wanted(v)
	drop := surplus(v, len(v.active)-want)
	if len(drop) > burst {
		drop = drop[:burst]
	}
	d := decision{drop: drop, protect: untracked(v.active, drop), resumed: true}
	if len(drop) > 0 {
		return d
	}
	missing := want - len(v.active)
	if replacesOnlyFailed(v.job) {
		missing -= len(v.terminating)
	}
	if missing <= 0 {
		return d
	}
	missing = min(missing, burst)
	if v.job.Spec.BackoffLimitPerIndex == nil {
		if d.next = past.wait(v.now); d.next > 0 {
			return d
		}
	}
	if !isIndexed(v.job) {
		d.create = slices.Repeat([]creation{{index: noIndex}}, missing)
		return d
	}
	for _, index := range pending(v, missing) {
		replaced := v.latest[index]
		if replaced != nil {
			if wait := remaining(failuresOf(replaced)+1, endedAt(replaced), v.now); wait > 0 {
				d.next = sooner(d.next, wait)
				continue
			}
		}
		d.create = append(d.create, creation{index, replaced})
	}
	return d
}

// wanted is how many pods should be active.
func wanted(v *view) int {
	parallelism := int(ptr.Deref(v.job.Spec.Parallelism, 1))
	if v.job.Spec.Completions != nil {
		return max(0, min(parallelism, int(*v.job.Spec.Completions)-v.succeeded))
	}
	if v.succeeded > 0 {
		return min(parallelism, len(v.active)) // whatever still runs may go on
	}
	return parallelism
}

// pending are the first indexes that lack a pod, at most count.
func pending(v *view, count int) []int {
	taken := v.succeededIndexes.union(v.failedIndexes).with(indexesOf(v.active))
	if replacesOnlyFailed(v.job) {
		taken = taken.with(indexesOf(v.terminating))
	}
	return taken.free(count, int(*v.job.Spec.Completions))
}

// surplus are the active pods that should go: at least so many, and in an Indexed Job all that have no index of
// its, or one that another pod has too.
func surplus(v *view, atLeast int) []*corev1.Pod {
	if atLeast <= 0 && !isIndexed(v.job) {
		return nil
	}
	var drop, keep []*corev1.Pod
	ranked := slices.Clone(v.active)
	rank(v, ranked)
	if isIndexed(v.job) {
		// The most valuable of each index stays, so the least valuable come to the front of both lists.
		seen := map[int]bool{}
		for _, pod := range slices.Backward(ranked) {
			index := indexOf(pod)
			if !v.countable(pod) || seen[index] || v.succeededIndexes.has(index) {
				drop = append(drop, pod)
				continue
			}
			seen[index] = true
			keep = append(keep, pod)
		}
		slices.Reverse(drop)
		slices.Reverse(keep)
	} else {
		keep = ranked
	}
	if more := atLeast - len(drop); more > 0 {
		drop = append(drop, keep[:more]...)
	}
	return drop
}

// rank sorts pods so that the one that is easiest to spare comes first: one that has begun to go, then not yet on
// a node, then pending or unknown, not ready, ready for less time, restarted more often, younger.
func rank(v *view, pods []*corev1.Pod) {
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(
			controller.FalseFirst(isTracked(a), isTracked(b)),
			controller.FalseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
			cmp.Compare(controller.PhaseRank(a), controller.PhaseRank(b)),
			controller.FalseFirst(controller.IsReady(a), controller.IsReady(b)),
			-controller.ReadySince(a).Compare(controller.ReadySince(b)),
			-cmp.Compare(controller.Restarts(a), controller.Restarts(b)),
			-a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.UID, b.UID),
		)
	})
}

// untracked are the active pods without the finalizer that are not about to go.
func untracked(active, drop []*corev1.Pod) (list []*corev1.Pod) {
	for _, pod := range active {
		if !isTracked(pod) && !slices.Contains(drop, pod) {
			list = append(list, pod)
		}
	}
	return list
}
