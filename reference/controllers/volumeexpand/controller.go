// Package volumeexpand expands volumes whose claims have grown, or tells who does. Drivers live outside of Kubernetes
// today; the controller says that they are waited for, and names them in the claims of volumes of a kind that was once
// built in. Volumes that a built-in provisioner has made it has made larger itself.
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
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	volumehelpers "k8s.io/component-helpers/storage/volume"

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
	client kubernetes.Interface
	events record.EventRecorder
	// expanders make volumes larger, by the provisioners that made them.
	expanders map[string]Expander
	claims    corelisters.PersistentVolumeClaimLister
	volumes   corelisters.PersistentVolumeLister
	queue     *controller.Queue
	synced    []cache.InformerSynced
}

// Expander makes volumes larger. It has to be idempotent.
type Expander interface {
	// Expand makes the storage behind the volume as large as size, while pods use it.
	Expand(ctx context.Context, volume *corev1.PersistentVolume, size resource.Quantity) error
}

// New returns the controller. It has volumes expanded whose provisioner is named; all others are somebody else's.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder, expanders map[string]Expander) *Controller {
	claims, volumes := shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().PersistentVolumes()
	c := &Controller{client: client, events: events, expanders: expanders, claims: claims.Lister(), volumes: volumes.Lister(), queue: controller.NewQueue(Name)}
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
	if by := c.expanders[volume.Annotations[volumehelpers.AnnDynamicallyProvisioned]]; by != nil {
		return 0, c.expand(ctx, claim, volume, by)
	}
	driver := successor(&volume.Spec.PersistentVolumeSource)
	if driver == "" {
		c.events.Event(claim, corev1.EventTypeNormal, "ExternalExpanding", "waiting for an external controller to expand this PVC")
		return 0, nil
	}
	c.events.Eventf(claim, corev1.EventTypeNormal, "ExternalExpanding", "CSI migration enabled for %s; waiting for external resizer to expand the pvc", driver)
	return 0, c.name(ctx, claim, driver)
}

// expand makes the volume as large as the claim asks for, and says so: first of the volume, so that an interrupted
// expansion is found undone.
func (c *Controller) expand(ctx context.Context, claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume, by Expander) error {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if has := volume.Spec.Capacity[corev1.ResourceStorage]; has.Cmp(size) < 0 {
		if err := by.Expand(ctx, volume, size); err != nil {
			c.events.Eventf(claim, corev1.EventTypeWarning, "VolumeResizeFailed", "resize volume %q failed: %v", volume.Name, err)
			return err
		}
		if err := c.patch(volume.UID, map[string]any{"spec": capacity(size)}, func(patch []byte) error {
			_, err := c.client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		}); err != nil {
			return err
		}
	}
	status := capacity(size)
	status["allocatedResources"] = map[string]string{string(corev1.ResourceStorage): size.String()}
	if err := c.patch(claim.UID, map[string]any{"status": status}, func(patch []byte) error {
		_, err := c.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	}); err != nil {
		return err
	}
	c.events.Eventf(claim, corev1.EventTypeNormal, "VolumeResizeSuccessful", "ExpandVolume succeeded for volume %s", controller.Key(claim))
	return nil
}

func capacity(size resource.Quantity) map[string]any {
	return map[string]any{"capacity": map[string]string{string(corev1.ResourceStorage): size.String()}}
}

// patch sends a change of the object with that uid; one that is gone needs none.
func (c *Controller) patch(uid types.UID, change map[string]any, send func([]byte) error) error {
	change["metadata"] = map[string]any{"uid": uid}
	patch, err := json.Marshal(change)
	if err != nil {
		return err
	}
	if err := send(patch); !apierrors.IsNotFound(err) {
		return err
	}
	return nil
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
