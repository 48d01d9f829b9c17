package defaults

import (
	corev1 "k8s.io/api/core/v1"
)

func setPersistentVolume(v *corev1.PersistentVolume) {
	orElse(&v.Status.Phase, corev1.VolumePending)
	orElse(&v.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	orPointTo(&v.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	setPersistentVolumeSpec(&v.Spec)
}

// setPersistentVolumeSpec completes the source of a volume, which may be inline in a VolumeAttachment.
func setPersistentVolumeSpec(s *corev1.PersistentVolumeSpec) {
	roundUp(s.Capacity)
	setHostPath(s.HostPath)
	setAzureDisk(s.AzureDisk)
	if i := s.ISCSI; i != nil {
		orElse(&i.ISCSIInterface, "default")
	}
	if r := s.RBD; r != nil {
		setRBD(&r.RBDPool, &r.RadosUser, &r.Keyring)
	}
	if o := s.ScaleIO; o != nil {
		setScaleIO(&o.StorageMode, &o.FSType)
	}
}

func setPersistentVolumeClaim(c *corev1.PersistentVolumeClaim) {
	orElse(&c.Status.Phase, corev1.ClaimPending)
	setPersistentVolumeClaimSpec(&c.Spec)
	roundUp(c.Status.Capacity, c.Status.AllocatedResources)
}

func setPersistentVolumeClaimSpec(s *corev1.PersistentVolumeClaimSpec) {
	orPointTo(&s.VolumeMode, corev1.PersistentVolumeFilesystem)
	roundUp(s.Resources.Limits, s.Resources.Requests)
}
