package deployment

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// split tells the ReplicaSet of the current template from the others, which are
// returned oldest first. Should several have the template, the oldest is taken,
// so that every look at them picks the same. It is nil if there is none.
func split(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) (current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) {
	for _, rs := range oldestFirst(sets) {
		if current == nil && sameTemplate(&d.Spec.Template, &rs.Spec.Template) {
			current = rs
		} else {
			old = append(old, rs)
		}
	}
	return current, old
}

// sameTemplate compares all but the label that carries the template's hash.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	delete(a.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	delete(b.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return equality.Semantic.DeepEqual(a, b)
}

func oldestFirst(sets []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	return slices.SortedFunc(slices.Values(sets), byAge)
}

func byAge(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	)
}

// active returns the sets that ask for pods.
func active(sets []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	var found []*appsv1.ReplicaSet
	for _, rs := range sets {
		if size(rs) > 0 {
			found = append(found, rs)
		}
	}
	return found
}

// all returns the old sets and the current one, if there is one.
func all(current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	sets := slices.Clone(old)
	if current != nil {
		sets = append(sets, current)
	}
	return sets
}

// size is the number of pods the set asks for.
func size(rs *appsv1.ReplicaSet) int32 {
	if rs == nil {
		return 0
	}
	if rs.Spec.Replicas == nil {
		return 1
	}
	return *rs.Spec.Replicas
}

func sum(sets []*appsv1.ReplicaSet, of func(*appsv1.ReplicaSet) int32) int32 {
	var total int32
	for _, rs := range sets {
		total += of(rs)
	}
	return total
}

// settled reports whether the set's status was written by someone who knew its
// present size. Until then it may have pods that neither of them shows.
func settled(rs *appsv1.ReplicaSet) bool { return rs.Status.ObservedGeneration >= rs.Generation }

func unsettled(rs *appsv1.ReplicaSet) bool { return !settled(rs) }

// mostLive is the most pods a settled set can have: it is on its way from what
// it reported to what it is asked for.
func mostLive(rs *appsv1.ReplicaSet) int32 { return max(size(rs), rs.Status.Replicas) }

// surelyAvailable is how many of the set's available pods are left for certain
// once it has shrunk to its present size. A set removes pods that are not ready
// first, but among ready ones it may take those that are available.
func surelyAvailable(rs *appsv1.ReplicaSet) int32 {
	if rs == nil {
		return 0
	}
	removedReady := max(0, rs.Status.ReadyReplicas-size(rs))
	return max(0, rs.Status.AvailableReplicas-removedReady)
}
