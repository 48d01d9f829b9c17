package deployment

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// change is one write to a ReplicaSet.
type change struct {
	do   action
	set  *appsv1.ReplicaSet // as it is to be written; as it is, if removed
	from int32              // its size before
}

type action int

const (
	create action = iota
	update
	remove
)

// resized reports whether the change is one of size, of which users are told.
func (c change) resized() bool { return c.do != remove && size(c.set) != c.from }

// resize gives the set the size. It returns no change if all is well already.
func resize(d *appsv1.Deployment, rs *appsv1.ReplicaSet, to int32) []change {
	rs, from := rs.DeepCopy(), size(rs)
	noted := noteSize(d, rs)
	if !noted && from == to {
		return nil
	}
	rs.Spec.Replicas = ptr.To(to)
	return []change{{do: update, set: rs, from: from}}
}

// newSet is the ReplicaSet of the Deployment's present template.
func newSet(d *appsv1.Deployment, replicas int32, revision int64) *appsv1.ReplicaSet {
	hash := templateHash(&d.Spec.Template, d.Status.CollisionCount)
	template := d.Spec.Template.DeepCopy()
	template.Labels = with(template.Labels, hash)
	selector := d.Spec.Selector.DeepCopy()
	selector.MatchLabels = with(selector.MatchLabels, hash)
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            setName(d.Name, hash),
			Namespace:       d.Namespace,
			Labels:          maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind)},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        ptr.To(replicas),
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        selector,
			Template:        *template,
		},
	}
	noteRevision(d, rs, revision)
	noteSize(d, rs)
	return rs
}

// with returns the labels and the template's hash.
func with(labels map[string]string, hash string) map[string]string {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	return labels
}

var kind = appsv1.SchemeGroupVersion.WithKind("Deployment")

// runs reports whether the pod still takes up its place: a Recreate rollout
// waits for it. A pod of an unknown phase may well be running.
func runs(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}
