package endpointslice

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// podChanged queues the Services that select the pod, or did, if the change
// matters to them.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, service := range controller.ServicesOf(c.services, before, now) {
		c.queue.Add(service)
	}
}

// sliceChanged queues the Service of a slice that somebody else has changed or
// deleted, so that it is put right.
func (c *Controller) sliceChanged(before, now *discoveryv1.EndpointSlice) {
	switch {
	case now == nil:
		if c.reconciler.ManagedByController(before) {
			c.sliceDeleted(before)
		}
	case before == nil:
		if c.reconciler.ManagedByController(now) && c.tracker.ShouldSync(now) {
			c.queueServiceOf(now)
		}
	default:
		if before.Labels[discoveryv1.LabelServiceName] != now.Labels[discoveryv1.LabelServiceName] {
			c.queueServiceOf(before)
			c.queueServiceOf(now)
		} else if c.reconciler.ManagedByChanged(before, now) ||
			c.reconciler.ManagedByController(now) && c.tracker.ShouldSync(now) {
			c.queueServiceOf(now)
		}
	}
}

// sliceDeleted has a slice of ours made again, unless we deleted it ourselves.
func (c *Controller) sliceDeleted(slice *discoveryv1.EndpointSlice) {
	if !c.tracker.Has(slice) {
		service := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
		c.outrun.add(service, slice)
		c.queueServiceOf(slice)
	} else if !c.tracker.HandleDeletion(slice) {
		c.queueServiceOf(slice)
	}
}

func (c *Controller) queueServiceOf(slice *discoveryv1.EndpointSlice) {
	if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
		c.queue.Add(types.NamespacedName{Namespace: slice.Namespace, Name: name})
	}
}

// nodeChanged tells the zones' capacities to the topology cache, and looks at
// the Services again whose hints no longer fit.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	if before != nil && now != nil && maps.Equal(before.Labels, now.Labels) &&
		before.Status.Allocatable.Cpu().Equal(*now.Status.Allocatable.Cpu()) && nodeReady(before) == nodeReady(now) {
		return
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return
	}
	// That nodes are in no zone is nothing to tell each time.
	c.topology.SetNodes(klog.Background().V(4), nodes)
	for _, service := range c.topology.GetOverloadedServices() {
		if key, err := parseKey(service); err == nil {
			c.queue.Add(key)
		}
	}
}

func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func parseKey(key string) (types.NamespacedName, error) {
	name, err := cache.ParseObjectName(key)
	return types.NamespacedName{Namespace: name.Namespace, Name: name.Name}, err
}
