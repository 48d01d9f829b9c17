package storageprotection

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/admission/storageobjectinuseprotection"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// ClassesName is the name of the controller of attribute classes.
const ClassesName = "volumeattributesclass-protection-controller"

// Classes protects the VolumeAttributesClasses that a claim or a volume names.
func Classes(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller[*storagev1.VolumeAttributesClass] {
	classes, claims, volumes := shared.Storage().V1().VolumeAttributesClasses(), shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().PersistentVolumes()
	lister, claimLister, volumeLister := classes.Lister(), claims.Lister(), volumes.Lister()
	c := &Controller[*storagev1.VolumeAttributesClass]{
		finalizer: storageobjectinuseprotection.ClassFinalizer,
		queue:     controller.NewQueue(ClassesName),
		get:       func(key types.NamespacedName) (*storagev1.VolumeAttributesClass, error) { return lister.Get(key.Name) },
		update: func(ctx context.Context, class *storagev1.VolumeAttributesClass) error {
			_, err := client.StorageV1().VolumeAttributesClasses().Update(ctx, class, metav1.UpdateOptions{})
			return err
		},
		inUse: func(_ context.Context, class *storagev1.VolumeAttributesClass) (bool, error) {
			all, err := claimLister.List(labels.Everything())
			if err != nil {
				return true, err
			}
			for _, claim := range all {
				if claimNamesClass(claim)[class.Name] {
					return true, nil
				}
			}
			bound, err := volumeLister.List(labels.Everything())
			if err != nil {
				return true, err
			}
			for _, volume := range bound {
				if name := volume.Spec.VolumeAttributesClassName; name != nil && *name == class.Name {
					return true, nil
				}
			}
			return false, nil
		},
	}
	// freed looks again at the classes that an object named and no longer names.
	freed := func(before, now map[string]bool) {
		for name := range before {
			if !now[name] {
				c.queue.Add(types.NamespacedName{Name: name})
			}
		}
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*storagev1.VolumeAttributesClass](classes.Informer(), c.queue),
		controller.Watch(claims.Informer(), func(before, now *corev1.PersistentVolumeClaim) {
			freed(claimNamesClass(before), claimNamesClass(now))
		}),
		controller.Watch(volumes.Informer(), func(before, now *corev1.PersistentVolume) {
			freed(volumeNamesClass(before), volumeNamesClass(now))
		}),
	}
	return c
}

// claimNamesClass are the classes that a claim asks for, has, or is on its way to; none for nil.
func claimNamesClass(claim *corev1.PersistentVolumeClaim) map[string]bool {
	names := map[string]bool{}
	if claim == nil {
		return names
	}
	for _, name := range []*string{claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName} {
		if name != nil {
			names[*name] = true
		}
	}
	if m := claim.Status.ModifyVolumeStatus; m != nil {
		names[m.TargetVolumeAttributesClassName] = true
	}
	delete(names, "")
	return names
}

func volumeNamesClass(volume *corev1.PersistentVolume) map[string]bool {
	if volume == nil || volume.Spec.VolumeAttributesClassName == nil {
		return nil
	}
	return map[string]bool{*volume.Spec.VolumeAttributesClassName: true}
}
