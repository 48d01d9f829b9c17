package persistentvolume

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	volumehelpers "k8s.io/component-helpers/storage/volume"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// The indexes keep a change from making us look at everything.
const (
	openByClass    = "open-claims-by-class"  // claims that are not bound
	claimsByVolume = "claims-by-volume"      // by spec.volumeName
	freeByClass    = "free-volumes-by-class" // volumes that any claim may have
	byClaim        = "volumes-by-claim"      // by the namespace and name in claimRef
)

var claimIndexes = cache.Indexers{
	openByClass: controller.IndexBy(func(claim *corev1.PersistentVolumeClaim) []string {
		if _, completed := claim.Annotations[volumehelpers.AnnBindCompleted]; completed {
			return nil
		}
		return []string{volumehelpers.GetPersistentVolumeClaimClass(claim)}
	}),
	claimsByVolume: controller.IndexBy(func(claim *corev1.PersistentVolumeClaim) []string {
		if claim.Spec.VolumeName == "" {
			return nil
		}
		return []string{claim.Spec.VolumeName}
	}),
}

var volumeIndexes = cache.Indexers{
	freeByClass: controller.IndexBy(func(volume *corev1.PersistentVolume) []string {
		if !isFree(volume) {
			return nil
		}
		return []string{volumehelpers.GetPersistentVolumeClass(volume)}
	}),
	byClaim: controller.IndexBy(func(volume *corev1.PersistentVolume) []string {
		if volume.Spec.ClaimRef == nil {
			return nil
		}
		return []string{claimKey(volume).String()}
	}),
}

func isFree(volume *corev1.PersistentVolume) bool {
	return volume.Spec.ClaimRef == nil && volume.Status.Phase == corev1.VolumeAvailable && volume.DeletionTimestamp == nil
}

// claimKey is the claim that the volume's claimRef names.
func claimKey(volume *corev1.PersistentVolume) types.NamespacedName {
	return types.NamespacedName{Namespace: volume.Spec.ClaimRef.Namespace, Name: volume.Spec.ClaimRef.Name}
}

// claimChanged looks at the claim, and at the volumes that are or were tied to it.
func (c *Controller) claimChanged(before, now *corev1.PersistentVolumeClaim) {
	claim := controller.Either(before, now)
	c.queue.Add(controller.Key(claim))
	if before != nil && now != nil && before.UID == now.UID && before.Spec.VolumeName == now.Spec.VolumeName {
		return
	}
	for _, volume := range controller.Indexed[*corev1.PersistentVolume](c.volumes, byClaim, controller.Key(claim).String()) {
		c.queue.Add(controller.Key(volume))
	}
}

// volumeChanged looks at the volume and at the claims that it names or that name it; if it has become free, at all that
// might take it.
func (c *Controller) volumeChanged(before, now *corev1.PersistentVolume) {
	volume := controller.Either(before, now)
	c.queue.Add(controller.Key(volume))
	for _, v := range []*corev1.PersistentVolume{before, now} {
		if v != nil && v.Spec.ClaimRef != nil {
			c.queue.Add(claimKey(v))
		}
	}
	for _, claim := range controller.Indexed[*corev1.PersistentVolumeClaim](c.claims, claimsByVolume, volume.Name) {
		c.queue.Add(controller.Key(claim))
	}
	if now == nil || !isFree(now) {
		return
	}
	for _, claim := range controller.Indexed[*corev1.PersistentVolumeClaim](c.claims, openByClass, volumehelpers.GetPersistentVolumeClass(now)) {
		if claim.Spec.VolumeName == "" && satisfies(claim, now) == nil {
			c.queue.Add(controller.Key(claim))
		}
	}
}

// classChanged looks at the claims that wait for the class, and at those without any: it may be their default now.
func (c *Controller) classChanged(before, now *storagev1.StorageClass) {
	for _, name := range []string{controller.Either(before, now).Name, ""} {
		for _, claim := range controller.Indexed[*corev1.PersistentVolumeClaim](c.claims, openByClass, name) {
			c.queue.Add(controller.Key(claim))
		}
	}
}

// podChanged looks at the claims of a pod that comes, gets a node or goes, as far as they wait for one.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	if before != nil && now != nil && before.Spec.NodeName == now.Spec.NodeName {
		return
	}
	for _, key := range controller.ClaimsOf(controller.Either(before, now)) {
		claim, err := c.claimLister.PersistentVolumeClaims(key.Namespace).Get(key.Name)
		if err == nil && claim.Spec.VolumeName == "" {
			c.queue.Add(key)
		}
	}
}
