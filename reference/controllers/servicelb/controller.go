package servicelb

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "service-controller"

// Controller has load balancers made for Services.
type Controller struct {
	client   kubernetes.Interface
	services corelisters.ServiceLister
	nodes    corelisters.NodeLister
	balancer LoadBalancer
	writes   *controller.Writes
	events   record.EventRecorder
	queue    *controller.Queue
	synced   []cache.InformerSynced

	mu   sync.Mutex
	done map[types.NamespacedName]*done
}

// New returns the controller of what the balancer makes.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, balancer LoadBalancer, events record.EventRecorder) *Controller {
	services, nodes := shared.Core().V1().Services(), shared.Core().V1().Nodes()
	c := &Controller{
		client:   client,
		services: services.Lister(),
		nodes:    nodes.Lister(),
		balancer: balancer,
		writes:   controller.NewWrites(services.Informer().GetStore()),
		events:   events,
		queue:    controller.NewQueue(Name),
		done:     map[types.NamespacedName]*done{},
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Service](services.Informer(), c.queue),
		controller.Watch(nodes.Informer(), c.nodeChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// nodeChanged queues the Services that have load balancers if they are to use
// other nodes.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	use := func(node *corev1.Node) []string {
		if node == nil {
			return nil
		}
		return identities(usable([]*corev1.Node{node}))
	}
	if slices.Equal(use(before), use(now)) {
		return
	}
	all, err := c.services.List(labels.Everything())
	if err != nil {
		return
	}
	for _, service := range all {
		if wanted(service) {
			c.queue.Add(controller.Key(service))
		}
	}
}

// Reconcile has the load balancer of the Service made, changed or removed.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) {
		return controller.StaleCache, nil
	}
	before := c.remembered(key)
	service, err := c.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		if before == nil {
			return 0, nil
		}
		// Somebody has taken the finalizer away.
		return 0, c.remove(ctx, before.service.DeepCopy())
	}
	if err != nil {
		return 0, err
	}
	all, err := c.nodes.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	service, nodes := service.DeepCopy(), usable(all)
	switch plan(service, before, identities(nodes)) {
	case ensure:
		return 0, c.ensure(ctx, service, nodes)
	case update:
		return 0, c.update(ctx, service, nodes, before)
	case remove:
		return 0, c.remove(ctx, service)
	case nothing:
	}
	if before != nil && wanted(service) {
		return 0, c.report(ctx, service, before.status)
	}
	return 0, nil
}

func (c *Controller) ensure(ctx context.Context, service *corev1.Service, nodes []*corev1.Node) error {
	c.events.Event(service, corev1.EventTypeNormal, "EnsuringLoadBalancer", "Ensuring load balancer")
	if err := c.hold(ctx, service, true); err != nil {
		return err
	}
	if len(nodes) == 0 {
		c.events.Event(service, corev1.EventTypeWarning, "UnAvailableLoadBalancer", "There are no available nodes for LoadBalancer")
	}
	status, err := c.balancer.Ensure(ctx, service.DeepCopy(), nodes)
	if err != nil {
		return c.failed(service, fmt.Errorf("failed to ensure load balancer: %w", err))
	}
	c.remember(controller.Key(service), &done{service: service.DeepCopy(), nodes: identities(nodes), status: status})
	if err := c.report(ctx, service, status); err != nil {
		return err
	}
	c.events.Event(service, corev1.EventTypeNormal, "EnsuredLoadBalancer", "Ensured load balancer")
	return nil
}

func (c *Controller) update(ctx context.Context, service *corev1.Service, nodes []*corev1.Node, before *done) error {
	if err := c.balancer.Update(ctx, service, nodes); err != nil {
		var names []string
		for _, node := range nodes {
			names = append(names, node.Name)
		}
		c.events.Eventf(service, corev1.EventTypeWarning, "UpdateLoadBalancerFailed", "Error updating load balancer with new hosts %v: %v", names, err)
		return err
	}
	c.remember(controller.Key(service), &done{service: before.service, nodes: identities(nodes), status: before.status})
	c.events.Event(service, corev1.EventTypeNormal, "UpdatedLoadBalancer", "Updated load balancer with new hosts")
	return nil
}

// remove lets the Service go, or be of another type, once there is nothing left.
func (c *Controller) remove(ctx context.Context, service *corev1.Service) error {
	c.events.Event(service, corev1.EventTypeNormal, "DeletingLoadBalancer", "Deleting load balancer")
	if err := c.balancer.Delete(ctx, service.DeepCopy()); err != nil {
		return c.failed(service, fmt.Errorf("failed to delete load balancer: %w", err))
	}
	c.remember(controller.Key(service), nil)
	if err := c.report(ctx, service, corev1.LoadBalancerStatus{}); err != nil {
		return err
	}
	if err := c.hold(ctx, service, false); err != nil {
		return err
	}
	c.events.Event(service, corev1.EventTypeNormal, "DeletedLoadBalancer", "Deleted load balancer")
	return nil
}

func (c *Controller) failed(service *corev1.Service, err error) error {
	c.events.Eventf(service, corev1.EventTypeWarning, "SyncLoadBalancerFailed", "Error syncing load balancer: %v", err)
	return err
}

// report writes the status, if it is another.
func (c *Controller) report(ctx context.Context, service *corev1.Service, status corev1.LoadBalancerStatus) error {
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer, status) {
		return nil
	}
	service.Status.LoadBalancer = *status.DeepCopy()
	return c.wrote(service)(c.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, metav1.UpdateOptions{}))
}

// hold sets the finalizer, or takes it away.
func (c *Controller) hold(ctx context.Context, service *corev1.Service, held bool) error {
	if slices.Contains(service.Finalizers, finalizer) == held {
		return nil
	}
	service.Finalizers = slices.DeleteFunc(service.Finalizers, func(f string) bool { return f == finalizer })
	if held {
		service.Finalizers = append(service.Finalizers, finalizer)
	}
	return c.wrote(service)(c.client.CoreV1().Services(service.Namespace).Update(ctx, service, metav1.UpdateOptions{}))
}

// wrote takes the answer to a write, so that service is what is stored now.
func (c *Controller) wrote(service *corev1.Service) func(updated *corev1.Service, err error) error {
	return func(updated *corev1.Service, err error) error {
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return fmt.Errorf("updating Service %s: %w", controller.Key(service), err)
		}
		c.writes.Wrote(controller.Key(updated), updated)
		updated.DeepCopyInto(service)
		return nil
	}
}

func (c *Controller) remembered(key types.NamespacedName) *done {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[key]
}

// remember notes what was done; nil for nothing any more.
func (c *Controller) remember(key types.NamespacedName, what *done) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if what == nil {
		delete(c.done, key)
		return
	}
	c.done[key] = what
}
