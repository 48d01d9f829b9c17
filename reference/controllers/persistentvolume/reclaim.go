package persistentvolume

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func (c *Controller) reconcileVolume(ctx context.Context, key types.NamespacedName) error {
	volume, err := c.volumeLister.Get(key.Name)
	if err != nil {
		return ignoreNotFound(err)
	}
	claim, err := c.claimOf(ctx, volume)
	if err != nil {
		return err
	}
	plan := planVolume(volume, claim, c.builtIn)
	if plan.letGo {
		if volume, err = c.updateVolume(ctx, key, free(volume)); err != nil {
			return err
		}
	}
	if plan.mismatch != nil {
		c.events.Event(volume, plan.mismatch.kind, plan.mismatch.reason, plan.mismatch.message)
		c.events.Eventf(claim, plan.mismatch.kind, plan.mismatch.reason, "Cannot bind to requested volume %q: incompatible volumeMode", volume.Name)
	}
	if plan.unbind {
		if volume, err = c.updateVolume(ctx, key, unbound(volume)); err != nil {
			return err
		}
	}
	if plan.phase != "" {
		changed := false
		if volume, changed, err = c.setVolumePhase(ctx, key, volume, plan.phase, plan.message); err != nil {
			return err
		}
		if changed && plan.event != nil {
			c.events.Event(volume, plan.event.kind, plan.event.reason, plan.event.message)
		}
	}
	if plan.delete != "" {
		return c.delete(ctx, key, volume, plan.delete)
	}
	return nil
}

// claimOf returns the claim that the volume's claimRef names by name and uid, nil if it is gone. A claim that the cache
// does not have may be newer than the cache.
func (c *Controller) claimOf(ctx context.Context, volume *corev1.PersistentVolume) (*corev1.PersistentVolumeClaim, error) {
	ref := volume.Spec.ClaimRef
	if ref == nil || ref.UID == "" {
		return nil, nil
	}
	claim, err := c.claimLister.PersistentVolumeClaims(ref.Namespace).Get(ref.Name)
	switch {
	case err == nil && claim.UID == ref.UID:
		return claim, nil
	case ignoreNotFound(err) != nil:
		return nil, err
	case volume.Status.Phase == corev1.VolumeReleased || volume.Status.Phase == corev1.VolumeFailed:
		return nil, nil // It was looked up before; one that is gone does not come back.
	}
	claim, err = c.client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && claim.UID != ref.UID:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for the claim of volume %s: %w", volume.Name, err)
	}
	return claim, nil
}

// delete has the storage behind a released volume deleted, and then the volume.
func (c *Controller) delete(ctx context.Context, key types.NamespacedName, volume *corev1.PersistentVolume, provisioner string) error {
	if held(volume) || volume.DeletionTimestamp == nil {
		if err := c.provisioners[provisioner].Delete(ctx, volume); err != nil {
			if errors.Is(err, ErrInUse) {
				c.events.Event(volume, corev1.EventTypeNormal, VolumeDelete, err.Error())
				return err
			}
			_, changed, failure := c.setVolumePhase(ctx, key, volume, corev1.VolumeFailed, err.Error())
			if changed && failure == nil {
				c.events.Event(volume, corev1.EventTypeWarning, VolumeFailedDelete, err.Error())
			}
			return err
		}
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(volume.UID))}
	if volume.DeletionTimestamp == nil {
		if err := c.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, options); err != nil {
			return ignoreNotFound(err)
		}
		c.volumeWrites.Deleted(key, volume)
	}
	if held(volume) {
		current, err := c.liveVolume(ctx, volume.Name)
		if err != nil || current == nil || current.UID != volume.UID {
			return err
		}
		_, err = c.updateVolume(ctx, key, free(current))
		return ignoreNotFound(err)
	}
	return nil
}
