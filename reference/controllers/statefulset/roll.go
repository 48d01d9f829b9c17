package statefulset

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// revisionFor is the revision that a pod of the ordinal is to be made from: below
// the partition the current one, also where the pod is only replaced.
func (v *view) revisionFor(ordinal int) string {
	index := ordinal - start(v.set)
	strategy := v.set.Spec.UpdateStrategy
	switch {
	case strategy.Type != appsv1.RollingUpdateStatefulSetStrategyType:
		return v.update
	case strategy.RollingUpdate == nil && index < int(v.set.Status.CurrentReplicas),
		strategy.RollingUpdate != nil && index < partition(v.set):
		return v.current
	}
	return v.update
}

// partition is the number of pods, counted from the first, that are not updated.
func partition(set *appsv1.StatefulSet) int {
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil {
		return int(ptr.Deref(r.Partition, 0))
	}
	return 0
}

// mostUnavailable is how many pods an update may make unavailable, at least one.
func mostUnavailable(set *appsv1.StatefulSet) int {
	most := intstr.FromInt32(1)
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil {
		most = ptr.Deref(r.MaxUnavailable, most)
	}
	number, err := intstr.GetScaledValueFromIntOrPercent(&most, wanted(set), true)
	if err != nil {
		return 1 // it was refused when it was written
	}
	return max(1, number)
}

// roll removes pods of other revisions, highest first, to be made anew from the
// one to update to. Every pod that is not available counts against what may be,
// whatever the reason. Only with Parallel can there be such pods here; those of
// another revision go at once, as nothing is lost by it and they may be what the
// update is to mend.
func (v *view) roll(d *decision) {
	budget := mostUnavailable(v.set)
	first, end := start(v.set), start(v.set)+wanted(v.set)
	for ordinal := first; ordinal < end; ordinal++ {
		if !v.healthy(v.pods[ordinal]) {
			budget--
		}
	}
	for ordinal := end - 1; ordinal >= first+partition(v.set); ordinal-- {
		pod := v.pods[ordinal]
		if pod == nil || pod.DeletionTimestamp != nil || slices.Contains(d.finished, pod) || revisionOf(pod) == v.update {
			continue
		}
		switch {
		case !v.healthy(pod):
			d.remove = append(d.remove, pod)
		case budget > 0:
			budget--
			d.remove = append(d.remove, pod)
		}
	}
}

func byName(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) }
