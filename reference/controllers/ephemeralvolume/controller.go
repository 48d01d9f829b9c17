package ephemeralvolume

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
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

const (
	// Name is the controller's name for --controllers.
	Name = "ephemeral-volume-controller"
	// Component is its name in events.
	Component = "ephemeral_volume"
)

// Controller makes claims for pods. Its keys are pods.
type Controller struct {
	client kubernetes.Interface
	events record.EventRecorder
	pods   corelisters.PodLister
	claims corelisters.PersistentVolumeClaimLister
	writes *controller.Writes
	queue  *controller.Queue
	synced []cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	pods, claims := shared.Core().V1().Pods(), shared.Core().V1().PersistentVolumeClaims()
	c := &Controller{
		client: client,
		events: events,
		pods:   pods.Lister(),
		claims: claims.Lister(),
		writes: controller.NewWrites(claims.Informer().GetStore()),
		queue:  controller.NewQueue(Name),
	}
	podsOf := controller.PodsByClaim(pods.Informer())
	c.synced = []cache.InformerSynced{
		controller.Watch(pods.Informer(), func(before, now *corev1.Pod) {
			if before == nil && hasEphemeral(now) { // volumes do not change
				c.queue.Add(controller.Key(now))
			}
		}),
		controller.Watch(claims.Informer(), func(before, now *corev1.PersistentVolumeClaim) {
			if before != nil && now != nil {
				return
			}
			for _, pod := range podsOf(controller.Key(controller.Either(before, now))) {
				if hasEphemeral(pod) {
					c.queue.Add(controller.Key(pod))
				}
			}
		}),
	}
	return c
}

func hasEphemeral(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Ephemeral != nil {
			return true
		}
	}
	return false
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile makes the claims that the pod lacks.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) {
		return controller.StaleCache, nil
	}
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	missing, refused := plan(pod, func(name string) *corev1.PersistentVolumeClaim {
		claim, err := c.claims.PersistentVolumeClaims(key.Namespace).Get(name)
		if err != nil {
			return nil // Creating it tells what is the matter.
		}
		return claim
	})
	// Nothing but the end of the other claim changes that, and it is watched for.
	for _, r := range refused {
		c.events.Eventf(pod, corev1.EventTypeWarning, "FailedBinding", "ephemeral volume %s: %v", r.volume, r.why)
	}
	var errs []error
	for _, claim := range missing {
		errs = append(errs, c.create(ctx, pod, claim))
	}
	if err := errors.Join(errs...); err != nil || len(missing) == 0 {
		return 0, err
	}
	// Back until the cache has the claims: one that was deleted before that, it would never tell of.
	return controller.StaleCache, nil
}

func (c *Controller) create(ctx context.Context, pod *corev1.Pod, claim *corev1.PersistentVolumeClaim) error {
	created, err := c.client.CoreV1().PersistentVolumeClaims(pod.Namespace).Create(ctx, claim, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil // The cache will tell whose it is; or there is nobody left to make it for.
	case err != nil:
		err = fmt.Errorf("create PVC %s: %w", claim.Name, err)
		c.events.Eventf(pod, corev1.EventTypeWarning, "FailedBinding", "ephemeral volume %s: %v", claim.Name[len(pod.Name)+1:], err)
		return fmt.Errorf("pod %s: %w", controller.Key(pod), err)
	}
	c.writes.Wrote(controller.Key(pod), created)
	return nil
}
