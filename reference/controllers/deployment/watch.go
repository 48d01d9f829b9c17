package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// setChanged queues the Deployments that have to do with the set: its owner, now
// and before, and for an orphan every Deployment that could adopt it.
func (c *Controller) setChanged(before, now *appsv1.ReplicaSet) {
	for _, rs := range []*appsv1.ReplicaSet{before, now} {
		if rs == nil {
			continue
		}
		if key, ok := controller.ControllerKey(rs, kind.GroupKind()); ok {
			c.queue.Add(key)
		}
	}
	if now == nil || metav1.GetControllerOfNoCopy(now) != nil {
		return
	}
	all, err := c.deployments.Deployments(now.Namespace).List(labels.Everything())
	if err != nil {
		return
	}
	for _, d := range all {
		selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(now.Labels)) {
			c.queue.Add(controller.Key(d))
		}
	}
}

// podChanged queues the Recreate Deployment that waits for the pod's end.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	if now != nil && runs(now) {
		return
	}
	pod := controller.Either(before, now)
	setKey, ok := controller.ControllerKey(pod, appsv1.SchemeGroupVersion.WithKind("ReplicaSet").GroupKind())
	if !ok {
		return
	}
	rs, err := c.sets.ReplicaSets(setKey.Namespace).Get(setKey.Name)
	if err != nil {
		return
	}
	key, ok := controller.ControllerKey(rs, kind.GroupKind())
	if !ok {
		return
	}
	d, err := c.deployments.Deployments(key.Namespace).Get(key.Name)
	if err == nil && !isRolling(d) {
		c.queue.Add(key)
	}
}
