package nodeipam

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "node-ipam-controller"
	// Component is its name in events.
	Component = "cidrAllocator"
)

// Controller gives nodes their ranges. Its keys are nodes.
type Controller struct {
	client kubernetes.Interface
	nodes  corelisters.NodeLister
	events record.EventRecorder
	writes *controller.Writes
	queue  *controller.Queue
	synced []cache.InformerSynced

	mu      sync.Mutex
	ranges  []*ranges                 // of each network
	held    map[string][]netip.Prefix // by node: what it has, or is about to get
	waiting sets.Set[string]          // nodes for which nothing was left
}

// New returns the controller. The options must have been checked.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder, o Options) *Controller {
	nodes := shared.Core().V1().Nodes()
	c := &Controller{
		client:  client,
		nodes:   nodes.Lister(),
		events:  events,
		writes:  controller.NewWrites(nodes.Informer().GetStore()),
		queue:   controller.NewQueue(Name),
		held:    map[string][]netip.Prefix{},
		waiting: sets.New[string](),
	}
	for _, network := range o.Cluster {
		r := newRanges(network, o.mask(network))
		for _, service := range o.Service {
			r.occupy(service)
		}
		c.ranges = append(c.ranges, r)
	}
	// What nodes have is known when the first one is given something: their
	// additions are handled before the informer counts as synced.
	c.synced = []cache.InformerSynced{controller.Watch(nodes.Informer(), c.nodeChanged)}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// nodeChanged notes what the node has, and queues it if that is nothing.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case now == nil:
		c.release(before.Name)
		c.waiting.Delete(before.Name)
	case len(now.Spec.PodCIDRs) == 0:
		c.queue.Add(controller.Key(now))
	default:
		c.waiting.Delete(now.Name)
		if has := networksOf(now); !slices.Equal(has, c.held[now.Name]) {
			c.release(now.Name)
			c.hold(now.Name, has)
		}
	}
}

// networksOf are the ranges that the node has. What is not a range is nobody's.
func networksOf(node *corev1.Node) []netip.Prefix {
	var networks []netip.Prefix
	for _, cidr := range node.Spec.PodCIDRs {
		if network, err := netip.ParsePrefix(cidr); err == nil {
			networks = append(networks, network.Masked())
		}
	}
	return networks
}

func (c *Controller) hold(node string, networks []netip.Prefix) {
	for _, network := range networks {
		for _, r := range c.ranges {
			r.occupy(network)
		}
	}
	c.held[node] = networks
}

// release frees what the node has, for nodes that wait for it.
func (c *Controller) release(node string) {
	for _, network := range c.held[node] {
		for _, r := range c.ranges {
			r.release(network)
		}
	}
	if len(c.held[node]) == 0 {
		return
	}
	delete(c.held, node)
	for name := range c.waiting {
		c.queue.Add(types.NamespacedName{Name: name})
	}
}

// Reconcile gives the node a range of each network if it has none.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) {
		return 0, nil // it has got them, and the cache will tell
	}
	node, err := c.nodes.Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && len(node.Spec.PodCIDRs) > 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	networks, waits := c.take(node.Name)
	if networks == nil {
		if !waits {
			klog.FromContext(ctx).Info("No range is left for the pods of a node", "node", node.Name)
			c.tell(node, "CIDRNotAvailable")
		}
		return 0, nil // until one is free
	}
	err = c.assign(ctx, node, networks)
	switch {
	case err == nil:
		return 0, nil
	case apierrors.IsNotFound(err):
		return 0, nil // the node's end, when it is seen, frees what it was to get
	case apierrors.IsInvalid(err):
		// It has got something else meanwhile, or can have none of this. A timeout,
		// on the other hand, may have been a success, and the ranges are kept for it.
		c.mu.Lock()
		c.release(node.Name)
		c.mu.Unlock()
	}
	c.tell(node, "CIDRAssignmentFailed")
	return 0, fmt.Errorf("giving node %s %v: %w", node.Name, networks, err)
}

// take returns the ranges that the node is to get: those it was to get before, or
// one of each network; none if one of these is full, and whether the node waits for
// that already.
func (c *Controller) take(node string) (networks []netip.Prefix, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := c.held[node]; len(held) > 0 {
		return held, false
	}
	for _, r := range c.ranges {
		network, ok := r.allocate()
		if !ok {
			for j, taken := range networks {
				c.ranges[j].release(taken)
			}
			waits = c.waiting.Has(node)
			c.waiting.Insert(node)
			return nil, waits
		}
		networks = append(networks, network)
	}
	c.waiting.Delete(node)
	c.held[node] = networks
	return networks, false
}

func (c *Controller) assign(ctx context.Context, node *corev1.Node, networks []netip.Prefix) error {
	var cidrs []string
	for _, network := range networks {
		cidrs = append(cidrs, network.String())
	}
	// The uid keeps a node that has taken this one's place from getting its ranges.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID},
		"spec":     map[string]any{"podCIDR": cidrs[0], "podCIDRs": cidrs},
	})
	if err != nil {
		return err
	}
	updated, err := c.client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err == nil {
		c.writes.Wrote(controller.Key(updated), updated)
	}
	return err
}

func (c *Controller) tell(node *corev1.Node, status string) {
	c.events.Eventf(node, corev1.EventTypeNormal, status, "Node %s status is now: %s", node.Name, status)
}
