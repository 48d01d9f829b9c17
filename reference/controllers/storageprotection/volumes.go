package storageprotection

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/admission/storageobjectinuseprotection"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// VolumesName is the name of the controller of volumes.
const VolumesName = "persistentvolume-protection-controller"

// Volumes protects the PersistentVolumes that are bound to a claim.
func Volumes(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller[*corev1.PersistentVolume] {
	volumes := shared.Core().V1().PersistentVolumes()
	lister := volumes.Lister()
	c := &Controller[*corev1.PersistentVolume]{
		finalizer: storageobjectinuseprotection.VolumeFinalizer,
		queue:     controller.NewQueue(VolumesName),
		get:       func(key types.NamespacedName) (*corev1.PersistentVolume, error) { return lister.Get(key.Name) },
		update: func(ctx context.Context, volume *corev1.PersistentVolume) error {
			_, err := client.CoreV1().PersistentVolumes().Update(ctx, volume, metav1.UpdateOptions{})
			return err
		},
		inUse: func(_ context.Context, volume *corev1.PersistentVolume) (bool, error) {
			return volume.Status.Phase == corev1.VolumeBound, nil
		},
	}
	c.synced = []cache.InformerSynced{controller.WatchKeys[*corev1.PersistentVolume](volumes.Informer(), c.queue)}
	return c
}
