package persistentvolume

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Every write names the version that it was decided from, so that of two writers one loses and looks again.

// wrote notes a write on behalf of key. The volume itself is not looked at either before the cache shows it.
func (c *Controller) wrote(key types.NamespacedName, volume *corev1.PersistentVolume) {
	c.volumeWrites.Wrote(key, volume)
	c.volumeWrites.Wrote(controller.Key(volume), volume)
}

func (c *Controller) updateVolume(ctx context.Context, key types.NamespacedName, volume *corev1.PersistentVolume) (*corev1.PersistentVolume, error) {
	updated, err := c.client.CoreV1().PersistentVolumes().Update(ctx, volume, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating volume %s: %w", volume.Name, err)
	}
	c.wrote(key, updated)
	return updated, nil
}

func (c *Controller) setVolumePhase(ctx context.Context, key types.NamespacedName, volume *corev1.PersistentVolume, phase corev1.PersistentVolumePhase, message string) (*corev1.PersistentVolume, bool, error) {
	want, changed := volumePhase(volume, phase, message)
	if !changed {
		return volume, false, nil
	}
	updated, err := c.client.CoreV1().PersistentVolumes().UpdateStatus(ctx, want, metav1.UpdateOptions{})
	if err != nil {
		return nil, false, fmt.Errorf("making volume %s %s: %w", volume.Name, phase, err)
	}
	c.wrote(key, updated)
	return updated, true, nil
}

func (c *Controller) updateClaim(ctx context.Context, claim, want *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaim, error) {
	updated, err := c.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Update(ctx, want, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating claim %s: %w", controller.Key(claim), err)
	}
	c.claimWrites.Wrote(controller.Key(claim), updated)
	return updated, nil
}

func (c *Controller) setClaimStatus(ctx context.Context, claim *corev1.PersistentVolumeClaim, phase corev1.PersistentVolumeClaimPhase, volume *corev1.PersistentVolume) (*corev1.PersistentVolumeClaim, error) {
	want, changed := claimStatus(claim, phase, volume)
	if !changed {
		return claim, nil
	}
	updated, err := c.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, want, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("making claim %s %s: %w", controller.Key(claim), phase, err)
	}
	c.claimWrites.Wrote(controller.Key(claim), updated)
	return updated, nil
}

// liveVolume reads the volume from the API server; nil if it is not there.
func (c *Controller) liveVolume(ctx context.Context, name string) (*corev1.PersistentVolume, error) {
	if name == "" {
		return nil, nil
	}
	volume, err := c.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading volume %s: %w", name, err)
	}
	return volume, nil
}
