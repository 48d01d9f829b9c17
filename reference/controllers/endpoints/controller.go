package endpoints

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"context"
	"fmt"
	"maps"
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
	endpointsliceutil "k8s.io/endpointslice/util"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in events and logs.
	Name = "endpoint-controller"

	managedByLabel = "endpoints.kubernetes.io/managed-by"
)

// Controller keeps the Endpoints of Services. Its keys are Services.
type Controller struct {
	client    kubernetes.Interface
	services  corelisters.ServiceLister
	pods      corelisters.PodLister
	endpoints corelisters.EndpointsLister
	triggers  *endpointsliceutil.TriggerTimeTracker
	writes    *controller.Writes
	events    record.EventRecorder
	queue     *controller.Queue
	synced    []cache.InformerSynced
}

// New returns the controller of Endpoints.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	core := shared.Core().V1()
	c := &Controller{
		client:    client,
		services:  core.Services().Lister(),
		pods:      core.Pods().Lister(),
		endpoints: core.Endpoints().Lister(),
		triggers:  endpointsliceutil.NewTriggerTimeTracker(),
		writes:    controller.NewWrites(core.Endpoints().Informer().GetStore()),
		events:    events,
		queue:     controller.NewQueue(Name),
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Service](core.Services().Informer(), c.queue),
		controller.Watch(core.Pods().Informer(), c.podChanged),
		controller.WatchKeys[*corev1.Endpoints](core.Endpoints().Informer(), c.queue),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile brings the Service's Endpoints up to date with its pods. Endpoints
// of a Service without a selector are somebody else's.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	service, err := c.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.triggers.DeleteService(key.Namespace, key.Name)
		return 0, c.remove(ctx, key)
	}
	if err != nil || service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.Selector == nil {
		return 0, err
	}
	if !c.writes.Seen(key) {
		return controller.StaleCache, nil
	}
	pods, err := c.pods.Pods(key.Namespace).List(labels.Set(service.Spec.Selector).AsSelectorPreValidated())
	if err != nil {
		return 0, err
	}
	have, err := c.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		have, err = &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}, nil
	}
	if err != nil {
		return 0, err
	}
	trigger := c.triggers.ComputeEndpointLastChangeTriggerTime(key.Namespace, service, pods)
	want := desired(service, have, pods, trigger)
	if have.ResourceVersion != "" && same(have, want) {
		return 0, nil
	}
	return 0, c.write(ctx, service, want)
}

// remove deletes the Endpoints of a Service that is gone, if they are ours.
func (c *Controller) remove(ctx context.Context, key types.NamespacedName) error {
	have, err := c.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil || have.Labels[managedByLabel] != Name {
		return err
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(have.UID))}
	err = c.client.CoreV1().Endpoints(key.Namespace).Delete(ctx, key.Name, options)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (c *Controller) write(ctx context.Context, service *corev1.Service, want *corev1.Endpoints) error {
	client, verb := c.client.CoreV1().Endpoints(want.Namespace), "update"
	var written *corev1.Endpoints
	var err error
	if want.ResourceVersion == "" {
		verb = "create"
		written, err = client.Create(ctx, want, metav1.CreateOptions{})
	} else {
		written, err = client.Update(ctx, want, metav1.UpdateOptions{})
	}
	if err == nil {
		c.writes.Wrote(controller.Key(service), written)
		return nil
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	if verb == "create" {
		c.events.Eventf(service, corev1.EventTypeWarning, "FailedToCreateEndpoint",
			"Failed to create endpoint for service %v/%v: %v", service.Namespace, service.Name, err)
	} else {
		c.events.Eventf(service, corev1.EventTypeWarning, "FailedToUpdateEndpoint",
			"Failed to update endpoint %v/%v: %v", service.Namespace, service.Name, err)
	}
	return fmt.Errorf("can't %s Endpoints %s/%s: %w", verb, want.Namespace, want.Name, err)
}

// desired is have, brought up to date.
func desired(service *corev1.Service, have *corev1.Endpoints, pods []*corev1.Pod, trigger time.Time) *corev1.Endpoints {
	want := have.DeepCopy()
	var truncated bool
	want.Subsets, truncated = truncate(subsets(service, pods))
	want.Labels = maps.Clone(service.Labels)
	if want.Labels == nil {
		want.Labels = map[string]string{}
	}
	delete(want.Labels, corev1.IsHeadlessService)
	if service.Spec.ClusterIP == corev1.ClusterIPNone || service.Spec.ClusterIP == "" {
		want.Labels[corev1.IsHeadlessService] = ""
	}
	want.Labels[managedByLabel] = Name
	if want.Annotations == nil {
		want.Annotations = map[string]string{}
	}
	delete(want.Annotations, corev1.EndpointsOverCapacity)
	if truncated {
		want.Annotations[corev1.EndpointsOverCapacity] = "truncated"
	}
	// An update that no pod or Service change has led to has no trigger time;
	// same() has to leave it out of account.
	if trigger.IsZero() {
		delete(want.Annotations, corev1.EndpointsLastChangeTriggerTime)
	} else {
		want.Annotations[corev1.EndpointsLastChangeTriggerTime] = trigger.UTC().Format(time.RFC3339Nano)
	}
	return want
}

// same reports whether the two say the same but for the trigger time.
func same(have, want *corev1.Endpoints) bool {
	return equality.Semantic.DeepEqual(have.Subsets, want.Subsets) &&
		maps.Equal(have.Labels, want.Labels) &&
		have.Annotations[corev1.EndpointsOverCapacity] == want.Annotations[corev1.EndpointsOverCapacity]
}

// podChanged queues the Services that select the pod, or did, if the change
// matters to them.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, service := range controller.ServicesOf(c.services, before, now) {
		c.queue.Add(service)
	}
}
