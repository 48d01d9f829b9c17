package defaults

import (
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerStorage(s *runtime.Scheme) {
	addWithList(s, setStorageClass, func(l *storagev1.StorageClassList) []storagev1.StorageClass { return l.Items })
	addWithList(s, setCSIDriver, func(l *storagev1.CSIDriverList) []storagev1.CSIDriver { return l.Items })
	addWithList(s, setVolumeAttachment, func(l *storagev1.VolumeAttachmentList) []storagev1.VolumeAttachment { return l.Items })
}

func setStorageClass(c *storagev1.StorageClass) {
	orPointTo(&c.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
	orPointTo(&c.VolumeBindingMode, storagev1.VolumeBindingImmediate)
}

func setCSIDriver(d *storagev1.CSIDriver) {
	orPointTo(&d.Spec.AttachRequired, true)
	orPointTo(&d.Spec.PodInfoOnMount, false)
	orPointTo(&d.Spec.StorageCapacity, false)
	orPointTo(&d.Spec.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	orPointTo(&d.Spec.RequiresRepublish, false)
	orPointTo(&d.Spec.SELinuxMount, false)
	if len(d.Spec.VolumeLifecycleModes) == 0 {
		d.Spec.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}

func setVolumeAttachment(a *storagev1.VolumeAttachment) {
	if s := a.Spec.Source.InlineVolumeSpec; s != nil {
		setPersistentVolumeSpec(s)
	}
}

func registerScheduling(s *runtime.Scheme) {
	addWithList(s, setPriorityClass, func(l *schedulingv1.PriorityClassList) []schedulingv1.PriorityClass { return l.Items })
}

func registerNode(s *runtime.Scheme) {
	addWithList(s, setRuntimeClass, func(l *nodev1.RuntimeClassList) []nodev1.RuntimeClass { return l.Items })
}

func setRuntimeClass(c *nodev1.RuntimeClass) {
	if o := c.Overhead; o != nil {
		roundUp(o.PodFixed)
	}
}

func setPriorityClass(c *schedulingv1.PriorityClass) {
	orPointTo(&c.PreemptionPolicy, corev1.PreemptLowerPriority)
}
