package defaults

import (
	corev1 "k8s.io/api/core/v1"
)

const (
	serviceAccountTokenSeconds = 60 * 60
	podCertificateSeconds      = 24 * 60 * 60
)

// setVolume makes a volume without a source an emptyDir, and completes the source of any other.
func setVolume(v *corev1.Volume) {
	if v.VolumeSource == (corev1.VolumeSource{}) {
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		return
	}
	if s := v.Secret; s != nil {
		orPointTo(&s.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	}
	if s := v.ConfigMap; s != nil {
		orPointTo(&s.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	}
	if s := v.DownwardAPI; s != nil {
		orPointTo(&s.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
		setDownwardAPIFiles(s.Items)
	}
	if s := v.Projected; s != nil {
		orPointTo(&s.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		each(s.Sources, setProjection)
	}
	if s := v.Image; s != nil {
		orElse(&s.PullPolicy, pullPolicy(s.Reference))
	}
	if s := v.Ephemeral; s != nil && s.VolumeClaimTemplate != nil {
		setPersistentVolumeClaimSpec(&s.VolumeClaimTemplate.Spec)
	}
	setHostPath(v.HostPath)
	setAzureDisk(v.AzureDisk)
	if s := v.ISCSI; s != nil {
		orElse(&s.ISCSIInterface, "default")
	}
	if s := v.RBD; s != nil {
		setRBD(&s.RBDPool, &s.RadosUser, &s.Keyring)
	}
	if s := v.ScaleIO; s != nil {
		setScaleIO(&s.StorageMode, &s.FSType)
	}
}

func setDownwardAPIFiles(files []corev1.DownwardAPIVolumeFile) {
	each(files, func(f *corev1.DownwardAPIVolumeFile) { setFieldRef(f.FieldRef) })
}

func setProjection(p *corev1.VolumeProjection) {
	if s := p.ServiceAccountToken; s != nil {
		orPointTo(&s.ExpirationSeconds, serviceAccountTokenSeconds)
	}
	if s := p.PodCertificate; s != nil {
		orPointTo(&s.MaxExpirationSeconds, podCertificateSeconds)
	}
	if s := p.DownwardAPI; s != nil {
		setDownwardAPIFiles(s.Items)
	}
}

func setHostPath(s *corev1.HostPathVolumeSource) {
	if s != nil {
		orPointTo(&s.Type, corev1.HostPathUnset)
	}
}

func setAzureDisk(s *corev1.AzureDiskVolumeSource) {
	if s == nil {
		return
	}
	orPointTo(&s.CachingMode, corev1.AzureDataDiskCachingReadWrite)
	orPointTo(&s.Kind, corev1.AzureSharedBlobDisk)
	orPointTo(&s.FSType, "ext4")
	orPointTo(&s.ReadOnly, false)
}

func setRBD(pool, user, keyring *string) {
	orElse(pool, "rbd")
	orElse(user, "admin")
	orElse(keyring, "/etc/ceph/keyring")
}

func setScaleIO(mode, fsType *string) {
	orElse(mode, "ThinProvisioned")
	orElse(fsType, "xfs")
}
