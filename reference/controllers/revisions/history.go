package revisions

import (
	"cmp"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The labels that carry a revision's hash.
const (
	// HashLabel is the one on revisions of a StatefulSet.
	HashLabel = "controller.kubernetes.io/hash"
	// PodLabel is the one on pods of either kind, and on revisions of a DaemonSet.
	// On pods of a StatefulSet its value is the revision's whole name.
	PodLabel = appsv1.ControllerRevisionHashLabelKey
)

// Owner is an object whose template has a history.
type Owner struct {
	Object    metav1.Object // the cached object itself, not to be changed
	Kind      schema.GroupVersionKind
	Selector  labels.Selector
	Template  *corev1.PodTemplateSpec
	HashLabel string // that of its revisions
}

// sorted returns the revisions, oldest first.
func sorted(revisions []*appsv1.ControllerRevision) []*appsv1.ControllerRevision {
	return slices.SortedFunc(slices.Values(revisions), func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(
			cmp.Compare(a.Revision, b.Revision),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

// next is the number of the revision that follows those given, oldest first.
func next(revisions []*appsv1.ControllerRevision) int64 {
	if len(revisions) == 0 {
		return 1
	}
	return revisions[len(revisions)-1].Revision + 1
}

// find returns the newest of the revisions, oldest first, that stores the owner's
// template; nil if none does.
func find(owner Owner, patch []byte, revisions []*appsv1.ControllerRevision) *appsv1.ControllerRevision {
	for _, revision := range slices.Backward(revisions) {
		if stores(revision, owner.Template, patch) {
			return revision
		}
	}
	return nil
}

// build makes the revision of the owner's template. It has the labels of the
// template, by which the owner's selector finds it, and the annotations of the
// owner, among them the cause of the change.
func build(owner Owner, patch []byte, number int64, collisions *int32) *appsv1.ControllerRevision {
	hash := hashOf(patch, collisions)
	labels := maps.Clone(owner.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[owner.HashLabel] = hash
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       owner.Object.GetNamespace(),
			Name:            nameOf(owner.Object.GetName(), hash),
			Labels:          labels,
			Annotations:     maps.Clone(owner.Object.GetAnnotations()),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner.Object, owner.Kind)},
		},
		Data:     runtime.RawExtension{Raw: patch},
		Revision: number,
	}
}

// surplus returns the revisions to forget, the oldest of those that are not in
// use, so that no more of these than the limit stay. A negative limit keeps all.
func surplus(revisions []*appsv1.ControllerRevision, limit int32, inUse func(*appsv1.ControllerRevision) bool) []*appsv1.ControllerRevision {
	spare := slices.DeleteFunc(sorted(revisions), inUse)
	if limit < 0 || len(spare) <= int(limit) {
		return nil
	}
	return spare[:len(spare)-int(limit)]
}

// defaultLimit is the limit of an owner that names none.
const defaultLimit = 10
