package replicas

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// watchSets queues a set whenever it changes.
func (c *Controller) watchSets() cache.InformerSynced {
	add := func(obj any) {
		if key, err := cache.DeletionHandlingObjectToName(obj); err == nil {
			c.queue.Add(key.AsNamespacedName())
		}
	}
	registration, err := c.kind.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, now any) { add(now) },
		DeleteFunc: add,
	})
	if err != nil {
		return func() bool { return false }
	}
	return registration.HasSynced
}

// podChanged queues the sets that have to do with the pod: its controller, now
// and before, and for an orphan every set that could adopt it.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, pod := range []*corev1.Pod{before, now} {
		if pod == nil {
			continue
		}
		if key, ok := controller.ControllerKey(pod, c.kind.GVK().GroupKind()); ok {
			c.queue.Add(key)
		}
	}
	if now == nil || metav1.GetControllerOfNoCopy(now) != nil || now.DeletionTimestamp != nil {
		return
	}
	for _, set := range c.matching(now) {
		c.queue.Add(set.Key())
	}
}

// matching returns the sets that would adopt the pod, oldest first.
func (c *Controller) matching(pod *corev1.Pod) []*Set {
	sets, err := c.kind.List(pod.Namespace)
	if err != nil {
		return nil
	}
	var matching []*Set
	for _, set := range sets {
		if set.Selector.Matches(labels.Set(pod.Labels)) {
			matching = append(matching, set)
		}
	}
	oldestFirst(matching)
	return matching
}
