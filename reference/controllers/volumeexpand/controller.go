// Package volumeexpand tells who expands a volume whose claim has grown. The drivers that do so all live outside of
// Kubernetes today; this controller says that they are waited for, and names them in the claims of volumes of a kind
// that was once built in.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
package volumeexpand

import (
	"context"
	"encoding/json"
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
	Name = "persistentvolume-expander-controller"
	// Component is its name in events.
	Component = "volume_expand"
	// ResizerAnnotation names the driver that expands the volume of a claim.
	ResizerAnnotation = "volume.kubernetes.io/storage-resizer"
)

// Controller looks at claims that want to be larger than they are.
type Controller struct {
	client  kubernetes.Interface
	events  record.EventRecorder
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	queue   *controller.Queue
	synced  []cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	claims, volumes := shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().PersistentVolumes()
	c := &Controller{client: client, events: events, claims: claims.Lister(), volumes: volumes.Lister(), queue: controller.NewQueue(Name)}
	c.synced = []cache.InformerSynced{
		controller.Watch(claims.Informer(), func(before, now *corev1.PersistentVolumeClaim) {
			if now != nil && grew(before, now) {
				c.queue.Add(controller.Key(now))
			}
		}),
		volumes.Informer().HasSynced,
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile tells who is waited for.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	claim, err := c.claims.PersistentVolumeClaims(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && !wants(claim) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	volume, err := c.volumes.Get(claim.Spec.VolumeName)
	if err != nil {
		return 0, fmt.Errorf("looking for the volume of claim %s: %w", key, err)
	}
	if ref := volume.Spec.ClaimRef; ref == nil || ref.UID != claim.UID {
		return 0, fmt.Errorf("volume %s is not bound to claim %s", volume.Name, key)
	}
	driver := successor(&volume.Spec.PersistentVolumeSource)
	if driver == "" {
		c.events.Event(claim, corev1.EventTypeNormal, "ExternalExpanding", "waiting for an external controller to expand this PVC")
		return 0, nil
	}
	c.events.Eventf(claim, corev1.EventTypeNormal, "ExternalExpanding", "CSI migration enabled for %s; waiting for external resizer to expand the pvc", driver)
	return 0, c.name(ctx, claim, driver)
}

// name writes down who expands the claim's volume.
func (c *Controller) name(ctx context.Context, claim *corev1.PersistentVolumeClaim, driver string) error {
	if claim.Annotations[ResizerAnnotation] == driver {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": claim.UID, "annotations": map[string]string{ResizerAnnotation: driver}}})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
