package nodelifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	coordinationlisters "k8s.io/client-go/listers/coordination/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "node-controller"

// Controller judges nodes. Its keys are nodes.
type Controller struct {
	client  kubernetes.Interface
	options Options
	nodes   corelisters.NodeLister
	leases  coordinationlisters.LeaseLister
	onNode  func(node string) []*corev1.Pod
	events  record.EventRecorder
	queue   *controller.Queue
	synced  []cache.InformerSynced
	now     func() time.Time

	mu     sync.Mutex
	health map[string]*health
	pace   *pace
	zones  *zones
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder, options Options) *Controller {
	nodes, leases := shared.Core().V1().Nodes(), shared.Coordination().V1().Leases()
	c := &Controller{
		client:  client,
		options: options,
		nodes:   nodes.Lister(),
		leases:  leases.Lister(),
		onNode:  controller.PodsByNode(shared.Core().V1().Pods().Informer()),
		events:  events,
		queue:   controller.NewQueue(Name),
		now:     time.Now,
		health:  map[string]*health{},
		pace:    newPace(options.Period),
		zones:   newZones(options),
	}
	c.synced = []cache.InformerSynced{
		shared.Core().V1().Pods().Informer().HasSynced,
		controller.Watch(nodes.Informer(), c.nodeChanged),
		controller.Watch(leases.Informer(), func(before, now *coordinationv1.Lease) {
			if lease := controller.Either(before, now); lease.Namespace == corev1.NamespaceNodeLease {
				c.queue.Add(types.NamespacedName{Name: lease.Name})
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// nodeChanged queues the node, and all the others if it changes how fast they are
// tainted.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	c.queue.Add(controller.Key(controller.Either(before, now)))
	c.mu.Lock()
	var changed bool
	if now == nil {
		changed = c.zones.drop(before.Name)
	} else {
		changed = c.zones.set(now)
	}
	c.mu.Unlock()
	if !changed {
		return
	}
	all, err := c.nodes.List(labels.Everything())
	if err != nil {
		return
	}
	for _, node := range all {
		c.queue.Add(controller.Key(node))
	}
}

// Reconcile judges the node by its signs of life, and asks to be called again
// when it would have been silent for too long.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	node, err := c.nodes.Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.drop(key.Name)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	lease, err := c.leases.Leases(corev1.NamespaceNodeLease).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	silence := c.watchOver(node, lease)
	patience := c.options.Grace
	if condition(node, corev1.NodeReady) == nil {
		patience = c.options.StartupGrace
	}
	next := patience - silence
	if next <= 0 {
		if node, err = c.silence(ctx, node); err != nil {
			return 0, err
		}
		next = 0
	}
	markErr := c.seeToPods(ctx, node)
	wait, err := c.taint(ctx, node)
	if err := errors.Join(markErr, err, c.label(ctx, node)); err != nil {
		return 0, err
	}
	if wait > 0 && (next == 0 || wait < next) {
		next = wait
	}
	return next, nil
}

// watchOver notes the node's signs of life and returns how long ago the last was.
func (c *Controller) watchOver(node *corev1.Node, lease *coordinationv1.Lease) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.health[node.Name]
	if h == nil || h.uid != node.UID {
		h = &health{uid: node.UID}
		c.health[node.Name] = h
		c.events.Eventf(node, corev1.EventTypeNormal, "RegisteredNode",
			"Node %s event: Registered Node %s in Controller", node.Name, node.Name)
	}
	h.observe(node, lease, c.now())
	return c.now().Sub(h.alive)
}

// drop forgets a node that is gone.
func (c *Controller) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health[name] == nil {
		return
	}
	delete(c.health, name)
	c.events.Eventf(&corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: name, UID: types.UID(name)},
		corev1.EventTypeNormal, "RemovingNode", "Node %s event: Removing Node %s from Controller", name, name)
}

// seeToPods marks the pods of a node that has ceased to be ready.
func (c *Controller) seeToPods(ctx context.Context, node *corev1.Node) error {
	c.mu.Lock()
	h := c.health[node.Name]
	ceased := h.turn(node, c.now())
	unmarked := h.unmarked
	c.mu.Unlock()
	if ceased {
		c.events.Eventf(node, corev1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	}
	if !unmarked {
		return nil
	}
	if err := c.markNotReady(ctx, node.Name); err != nil {
		return fmt.Errorf("marking the pods of node %s not ready: %w", node.Name, err)
	}
	c.mu.Lock()
	h.unmarked = false
	c.mu.Unlock()
	return nil
}
