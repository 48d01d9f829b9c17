package endpointslicemirroring

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "endpoint-slice-mirroring-controller"

// sliceIndex finds the controller's slices by the name of their Service.
const sliceIndex = "mirrored-slices-by-service"

// Controller mirrors Endpoints. Its keys are Endpoints, and Services of that name.
type Controller struct {
	client    kubernetes.Interface
	services  corelisters.ServiceLister
	endpoints corelisters.EndpointsLister
	slices    cache.Indexer
	writes    *controller.Writes
	events    record.EventRecorder
	queue     *controller.Queue
	synced    []cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	core, slices := shared.Core().V1(), shared.Discovery().V1().EndpointSlices().Informer()
	if _, there := slices.GetIndexer().GetIndexers()[sliceIndex]; !there {
		// It fails only if another index has the name, which is ours.
		_ = slices.AddIndexers(cache.Indexers{sliceIndex: func(obj any) ([]string, error) {
			if slice, ok := obj.(*discoveryv1.EndpointSlice); ok && slice.Labels[discoveryv1.LabelManagedBy] == ManagedBy {
				return []string{serviceOf(slice).String()}, nil
			}
			return nil, nil
		}})
	}
	c := &Controller{
		client:    client,
		services:  core.Services().Lister(),
		endpoints: core.Endpoints().Lister(),
		slices:    slices.GetIndexer(),
		writes:    controller.NewWrites(slices.GetStore()),
		events:    events,
		queue:     controller.NewQueue(Name),
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Service](core.Services().Informer(), c.queue),
		controller.WatchKeys[*corev1.Endpoints](core.Endpoints().Informer(), c.queue),
		controller.Watch(slices, c.sliceChanged),
	}
	return c
}

func serviceOf(slice *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
}

// sliceChanged queues the Endpoints of one of the controller's slices, now and
// before, so that what somebody else has done to it is put right.
func (c *Controller) sliceChanged(before, now *discoveryv1.EndpointSlice) {
	for _, slice := range []*discoveryv1.EndpointSlice{before, now} {
		if slice != nil && slice.Labels[discoveryv1.LabelManagedBy] == ManagedBy {
			c.queue.Add(serviceOf(slice))
		}
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile brings the slices up to date with the Endpoints, or removes them
// where these are not to be mirrored.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) {
		return controller.StaleCache, nil
	}
	have, err := c.slicesOf(key)
	if err != nil {
		return 0, err
	}
	e, err := found(c.endpoints.Endpoints(key.Namespace).Get(key.Name))
	if err != nil {
		return 0, err
	}
	service, err := found(c.services.Services(key.Namespace).Get(key.Name))
	if err != nil {
		return 0, err
	}
	d := decision{remove: have}
	if mirrored(e, service) {
		d = plan(e, have)
	}
	if !d.empty() && d.invalid > 0 {
		c.events.Eventf(e, corev1.EventTypeWarning, "InvalidIPAddress",
			"Skipped %d invalid IP addresses when mirroring to EndpointSlices", d.invalid)
	}
	if !d.empty() && d.skipped > d.invalid {
		c.events.Eventf(e, corev1.EventTypeWarning, "TooManyAddressesToMirror",
			"A max of %d addresses can be mirrored to EndpointSlices per Endpoints subset. %d addresses were skipped", perSubset, d.skipped)
	}
	return 0, c.apply(ctx, key, d)
}

// found returns nil for what is not there.
func found[T any](obj *T, err error) (*T, error) {
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return obj, err
}

// slicesOf returns the controller's slices for the Service.
func (c *Controller) slicesOf(key types.NamespacedName) ([]*discoveryv1.EndpointSlice, error) {
	items, err := c.slices.ByIndex(sliceIndex, key.String())
	if err != nil {
		return nil, err
	}
	var slices []*discoveryv1.EndpointSlice
	for _, item := range items {
		if slice, ok := item.(*discoveryv1.EndpointSlice); ok && slice.DeletionTimestamp == nil {
			slices = append(slices, slice)
		}
	}
	return slices, nil
}

// apply makes new slices before it removes old ones, so that no address is
// missing in between.
func (c *Controller) apply(ctx context.Context, key types.NamespacedName, d decision) error {
	client := c.client.DiscoveryV1().EndpointSlices(key.Namespace)
	var errs []error
	wrote := func(slice *discoveryv1.EndpointSlice, err error) {
		if err == nil {
			c.writes.Wrote(key, slice)
		} else if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			errs = append(errs, err)
		}
	}
	for _, slice := range d.update {
		wrote(client.Update(ctx, slice, metav1.UpdateOptions{}))
	}
	for _, slice := range d.create {
		wrote(client.Create(ctx, slice, metav1.CreateOptions{}))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, slice := range d.remove {
		err := client.Delete(ctx, slice.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(slice.UID))})
		switch {
		case err == nil:
			c.writes.Deleted(key, slice)
		case !apierrors.IsNotFound(err):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
