package validation

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PersistentVolume checks a new volume.
func PersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	return append(newMeta(&v.ObjectMeta, clusterScoped, subdomainName), volumeSpec(specPath, &v.Spec)...)
}

func volumeSpec(p *field.Path, s *corev1.PersistentVolumeSpec) field.ErrorList {
	errs := accessModes(p.Child("accessModes"), s.AccessModes)
	size, ok := s.Capacity[corev1.ResourceStorage]
	switch capacity := p.Child("capacity"); {
	case len(s.Capacity) == 0:
		errs = append(errs, field.Required(capacity, ""))
	case !ok || len(s.Capacity) > 1:
		errs = append(errs, field.NotSupported(capacity, s.Capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	case size.Sign() <= 0:
		errs = append(errs, field.Invalid(capacity.Key(string(corev1.ResourceStorage)), size.String(), notPositive))
	}
	errs = append(errs, supportedValue(p.Child("persistentVolumeReclaimPolicy"), s.PersistentVolumeReclaimPolicy,
		corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	if a := s.NodeAffinity; a != nil {
		if a.Required == nil {
			errs = append(errs, field.Required(p.Child("nodeAffinity", "required"), "must specify required node constraints"))
		} else {
			errs = append(errs, nodeSelector(p.Child("nodeAffinity", "required"), a.Required)...)
		}
	}
	errs = append(errs, persistentSource(p, s)...)
	if h := s.HostPath; h != nil && path.Clean(h.Path) == "/" && s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(p.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		errs = append(errs, dnsSubdomain(p.Child("storageClassName"), s.StorageClassName)...)
	}
	return append(errs, oneOfPtr(p.Child("volumeMode"), s.VolumeMode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
}

func persistentSource(p *field.Path, s *corev1.PersistentVolumeSpec) field.ErrorList {
	c := &sourceCheck{path: p}
	c.one(s.HostPath != nil, "hostPath", func(p *field.Path) field.ErrorList { return hostPath(p, s.HostPath) })
	c.one(s.NFS != nil, "nfs", func(p *field.Path) field.ErrorList { return nfs(p, s.NFS) })
	c.one(s.Local != nil, "local", func(at *field.Path) field.ErrorList {
		errs := required(at.Child("path"), s.Local.Path)
		errs = append(errs, noBacksteps(at.Child("path"), s.Local.Path)...)
		if s.NodeAffinity == nil || s.NodeAffinity.Required == nil {
			errs = append(errs, field.Required(p.Child("nodeAffinity"), "Local volume requires node affinity"))
		}
		return errs
	})
	c.one(s.CSI != nil, "csi", func(p *field.Path) field.ErrorList {
		return append(csiDriverName(p.Child("driver"), s.CSI.Driver), required(p.Child("volumeHandle"), s.CSI.VolumeHandle)...)
	})
	c.one(s.ISCSI != nil, "iscsi", func(p *field.Path) field.ErrorList {
		return iscsi(p, s.ISCSI.TargetPortal, s.ISCSI.IQN, s.ISCSI.Lun)
	})
	c.one(s.FC != nil, "fc", func(p *field.Path) field.ErrorList { return fibreChannel(p, s.FC) })
	c.one(s.RBD != nil, "rbd", func(p *field.Path) field.ErrorList { return rbd(p, s.RBD.CephMonitors, s.RBD.RBDImage) })
	c.one(s.CephFS != nil, "cephfs", func(p *field.Path) field.ErrorList { return monitors(p, s.CephFS.Monitors) })
	plain := func(set bool, name, member, value string) {
		c.one(set, name, func(p *field.Path) field.ErrorList { return required(p.Child(member), value) })
	}
	if v := s.GCEPersistentDisk; v != nil {
		plain(true, "gcePersistentDisk", "pdName", v.PDName)
	}
	if v := s.AWSElasticBlockStore; v != nil {
		plain(true, "awsElasticBlockStore", "volumeID", v.VolumeID)
	}
	if v := s.Glusterfs; v != nil {
		plain(true, "glusterfs", "endpoints", v.EndpointsName)
	}
	if v := s.Cinder; v != nil {
		plain(true, "cinder", "volumeID", v.VolumeID)
	}
	if v := s.FlexVolume; v != nil {
		plain(true, "flexVolume", "driver", v.Driver)
	}
	if v := s.AzureFile; v != nil {
		plain(true, "azureFile", "shareName", v.ShareName)
	}
	if v := s.AzureDisk; v != nil {
		plain(true, "azureDisk", "diskName", v.DiskName)
	}
	if v := s.VsphereVolume; v != nil {
		plain(true, "vsphereVolume", "volumePath", v.VolumePath)
	}
	if v := s.Quobyte; v != nil {
		plain(true, "quobyte", "volume", v.Volume)
	}
	if v := s.PortworxVolume; v != nil {
		plain(true, "portworxVolume", "volumeID", v.VolumeID)
	}
	if v := s.ScaleIO; v != nil {
		plain(true, "scaleIO", "gateway", v.Gateway)
	}
	if v := s.StorageOS; v != nil {
		plain(true, "storageos", "volumeName", v.VolumeName)
	}
	c.one(s.Flocker != nil || s.PhotonPersistentDisk != nil, "flocker", func(*field.Path) field.ErrorList { return nil })
	return c.result()
}

// PersistentVolumeUpdate checks a replacement: what the volume is cannot change.
func PersistentVolumeUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	errs := append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), PersistentVolume(v)...)
	source, was := v.Spec.PersistentVolumeSource, old.Spec.PersistentVolumeSource
	if source.CSI != nil && was.CSI != nil {
		// Secrets may be rotated to another name.
		c := *source.CSI
		c.ControllerExpandSecretRef, c.NodeExpandSecretRef = was.CSI.ControllerExpandSecretRef, was.CSI.NodeExpandSecretRef
		source.CSI = &c
	}
	if !equal(source, was) {
		errs = append(errs, field.Forbidden(specPath.Child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation"))
	}
	errs = append(errs, unchanged(specPath.Child("volumeMode"), v.Spec.VolumeMode, old.Spec.VolumeMode)...)
	if old.Spec.NodeAffinity != nil && old.Spec.NodeAffinity.Required != nil {
		errs = append(errs, unchanged(specPath.Child("nodeAffinity"), v.Spec.NodeAffinity, old.Spec.NodeAffinity)...)
	}
	return errs
}

// PersistentVolumeStatusUpdate checks a write to a volume's status.
func PersistentVolumeStatusUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	return updatedMeta(&v.ObjectMeta, &old.ObjectMeta)
}
