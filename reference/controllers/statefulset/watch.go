package statefulset

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// podChanged queues the sets that have to do with the pod: its controller, now
// and before, and for an orphan those that could adopt it.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, pod := range []*corev1.Pod{before, now} {
		if pod == nil {
			continue
		}
		if key, ok := controller.ControllerKey(pod, kind.GroupKind()); ok {
			c.queue.Add(key)
		}
	}
	if pod := controller.Either(before, now); metav1.GetControllerOfNoCopy(pod) == nil {
		c.queueNamed(pod, func(set *appsv1.StatefulSet) bool { return names(set, pod) })
	}
}

// names reports whether the pod has a name that the set gives. An orphan that has
// is one to adopt, or in the way.
func names(set *appsv1.StatefulSet, pod *corev1.Pod) bool {
	_, ok := ordinalOf(set, pod.Name)
	return ok
}

// claimChanged queues the sets that give a claim its name, if it has come, is
// going, is gone, or has other owners than before. What its volume is does not
// matter to them.
func (c *Controller) claimChanged(before, now *corev1.PersistentVolumeClaim) {
	if before != nil && now != nil && (before.DeletionTimestamp == nil) == (now.DeletionTimestamp == nil) &&
		equality.Semantic.DeepEqual(before.OwnerReferences, now.OwnerReferences) {
		return
	}
	claim := controller.Either(before, now)
	c.queueNamed(claim, func(set *appsv1.StatefulSet) bool {
		return slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(template corev1.PersistentVolumeClaim) bool {
			prefix := template.Name + "-"
			if len(claim.Name) <= len(prefix) || claim.Name[:len(prefix)] != prefix {
				return false
			}
			_, ok := ordinalOf(set, claim.Name[len(prefix):])
			return ok
		})
	})
}

// queueNamed queues the sets of the object's namespace that match.
func (c *Controller) queueNamed(obj metav1.Object, match func(set *appsv1.StatefulSet) bool) {
	sets, err := c.sets.StatefulSets(obj.GetNamespace()).List(labels.Everything())
	if err != nil {
		return
	}
	for _, set := range sets {
		if match(set) {
			c.queue.Add(controller.Key(set))
		}
	}
}
