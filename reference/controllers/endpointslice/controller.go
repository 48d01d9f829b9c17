// Package endpointslice is the EndpointSlice controller: it keeps the addresses
// of the pods behind each Service with a selector in EndpointSlices of at most a
// hundred. How they are filled is the business of k8s.io/endpointslice; this
// package says when.
//
// Documentation: concepts/services-networking/endpoint-slices.
package endpointslice

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	endpointsliceutil "k8s.io/endpointslice/util"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in events and logs.
	Name = "endpoint-slice-controller"
	// ManagedBy is the value of the managed-by label of the controller's slices.
	ManagedBy = "endpointslice-controller.k8s.io"
	// perSlice is the most endpoints a slice holds.
	perSlice = 100
)

// Controller keeps the slices of Services. Its keys are Services.
type Controller struct {
	services   corelisters.ServiceLister
	pods       corelisters.PodLister
	nodes      corelisters.NodeLister
	slices     discoverylisters.EndpointSliceLister
	reconciler *endpointslice.Reconciler
	topology   *topologycache.TopologyCache
	tracker    *endpointsliceutil.EndpointSliceTracker
	outrun     outrun
	triggers   *endpointsliceutil.TriggerTimeTracker
	events     record.EventRecorder
	queue      *controller.Queue
	synced     []cache.InformerSynced
}

// New returns the controller of EndpointSlices.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	core, slices := shared.Core().V1(), shared.Discovery().V1().EndpointSlices()
	c := &Controller{
		services: core.Services().Lister(),
		pods:     core.Pods().Lister(),
		nodes:    core.Nodes().Lister(),
		slices:   slices.Lister(),
		topology: topologycache.NewTopologyCache(),
		tracker:  endpointsliceutil.NewEndpointSliceTracker(),
		triggers: endpointsliceutil.NewTriggerTimeTracker(),
		events:   events,
		queue:    controller.NewQueue(Name),
	}
	c.reconciler = endpointslice.NewReconciler(client, c.nodes, perSlice, c.tracker, c.topology, events, ManagedBy,
		endpointslice.WithPreferSameTrafficDistributionEnabled(true))
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Service](core.Services().Informer(), c.queue),
		controller.Watch(core.Pods().Informer(), c.podChanged),
		controller.Watch(slices.Informer(), c.sliceChanged),
		controller.Watch(core.Nodes().Informer(), c.nodeChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile brings the slices of the Service up to date with its pods.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	for _, slice := range c.outrun.take(key) {
		c.tracker.HandleDeletion(slice)
	}
	service, err := c.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		// The slices have the Service as their owner; the garbage collector sees to them.
		c.triggers.DeleteService(key.Namespace, key.Name)
		c.reconciler.DeleteService(key.Namespace, key.Name)
		c.tracker.DeleteService(key.Namespace, key.Name)
		return 0, nil
	}
	if err != nil || service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.Selector == nil {
		return 0, err
	}
	pods, err := c.pods.Pods(key.Namespace).List(labels.Set(service.Spec.Selector).AsSelectorPreValidated())
	if err != nil {
		return 0, err
	}
	slices, err := c.slicesOf(service)
	if err != nil {
		return 0, err
	}
	if c.tracker.StaleSlices(service, slices) {
		return controller.StaleCache, nil
	}
	trigger := c.triggers.ComputeEndpointLastChangeTriggerTime(key.Namespace, service, pods)
	if err := c.reconciler.Reconcile(klog.FromContext(ctx), service, pods, slices, trigger); err != nil {
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			c.events.Eventf(service, corev1.EventTypeWarning, "FailedToUpdateEndpointSlices",
				"Error updating Endpoint Slices for Service %s/%s: %v", service.Namespace, service.Name, err)
		}
		return 0, fmt.Errorf("updating the EndpointSlices of Service %s: %w", key, err)
	}
	return 0, nil
}

// slicesOf returns the slices of the Service that are this controller's and are
// there to stay.
func (c *Controller) slicesOf(service *corev1.Service) ([]*discoveryv1.EndpointSlice, error) {
	all, err := c.slices.EndpointSlices(service.Namespace).List(labels.SelectorFromValidatedSet(labels.Set{
		discoveryv1.LabelServiceName: service.Name,
		discoveryv1.LabelManagedBy:   ManagedBy,
	}))
	if err != nil {
		return nil, err
	}
	var slices []*discoveryv1.EndpointSlice
	for _, slice := range all {
		if slice.DeletionTimestamp == nil {
			slices = append(slices, slice)
		}
	}
	return slices, nil
}
