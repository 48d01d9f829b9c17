package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// networkVolumes checks a pod's volumes of the types whose storage is on another machine.
func networkVolumes(c *sourceCheck, s *corev1.VolumeSource) {
	c.one(s.NFS != nil, "nfs", func(p *field.Path) field.ErrorList { return nfs(p, s.NFS) })
	c.one(s.ISCSI != nil, "iscsi", func(p *field.Path) field.ErrorList {
		v := s.ISCSI
		return iscsi(p, iscsiTarget{v.TargetPortal, v.IQN, v.Lun, v.InitiatorName, v.DiscoveryCHAPAuth || v.SessionCHAPAuth, v.SecretRef != nil})
	})
	c.one(s.GitRepo != nil, "gitRepo", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("repository"), s.GitRepo.Repository), descendingPath(p.Child("directory"), s.GitRepo.Directory)...)
	})
	c.one(s.Glusterfs != nil, "glusterfs", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("endpoints"), s.Glusterfs.EndpointsName), required(p.Child("path"), s.Glusterfs.Path)...)
	})
	c.one(s.RBD != nil, "rbd", func(p *field.Path) field.ErrorList { return rbd(p, s.RBD.CephMonitors, s.RBD.RBDImage) })
	c.one(s.CephFS != nil, "cephfs", func(p *field.Path) field.ErrorList { return monitors(p, s.CephFS.Monitors) })
	c.one(s.Cinder != nil, "cinder", func(p *field.Path) field.ErrorList {
		errs := required(p.Child("volumeID"), s.Cinder.VolumeID)
		return append(errs, secretRef(p, s.Cinder.SecretRef)...)
	})
	c.one(s.FlexVolume != nil, "flexVolume", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("driver"), s.FlexVolume.Driver), flexOptions(p.Child("options"), s.FlexVolume.Options)...)
	})
	c.one(s.AzureFile != nil, "azureFile", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("secretName"), s.AzureFile.SecretName), required(p.Child("shareName"), s.AzureFile.ShareName)...)
	})
	c.one(s.ScaleIO != nil, "scaleIO", func(p *field.Path) field.ErrorList {
		return scaleIO(p, s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName)
	})
	c.one(s.StorageOS != nil, "storageos", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("volumeName"), s.StorageOS.VolumeName), secretRef(p, s.StorageOS.SecretRef)...)
	})
	sharedVolumes(c, &sharedSources{s.GCEPersistentDisk, s.AWSElasticBlockStore, s.Flocker, s.FC, s.VsphereVolume, s.PhotonPersistentDisk,
		s.PortworxVolume, s.Quobyte, s.AzureDisk})
}

// sharedSources are the volume types that are the same in pods and in PersistentVolumes.
type sharedSources struct {
	gce      *corev1.GCEPersistentDiskVolumeSource
	aws      *corev1.AWSElasticBlockStoreVolumeSource
	flocker  *corev1.FlockerVolumeSource
	fc       *corev1.FCVolumeSource
	vsphere  *corev1.VsphereVirtualDiskVolumeSource
	photon   *corev1.PhotonPersistentDiskVolumeSource
	portworx *corev1.PortworxVolumeSource
	quobyte  *corev1.QuobyteVolumeSource
	azure    *corev1.AzureDiskVolumeSource
}

func sharedVolumes(c *sourceCheck, s *sharedSources) {
	c.one(s.gce != nil, "gcePersistentDisk", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("pdName"), s.gce.PDName), partition(p, s.gce.Partition)...)
	})
	c.one(s.aws != nil, "awsElasticBlockStore", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("volumeID"), s.aws.VolumeID), partition(p, s.aws.Partition)...)
	})
	c.one(s.flocker != nil, "flocker", func(p *field.Path) field.ErrorList { return flocker(p, s.flocker) })
	c.one(s.fc != nil, "fc", func(p *field.Path) field.ErrorList { return fibreChannel(p, s.fc) })
	c.one(s.vsphere != nil, "vsphereVolume", func(p *field.Path) field.ErrorList { return required(p.Child("volumePath"), s.vsphere.VolumePath) })
	c.one(s.photon != nil, "photonPersistentDisk", func(p *field.Path) field.ErrorList { return required(p.Child("pdID"), s.photon.PdID) })
	c.one(s.portworx != nil, "portworxVolume", func(p *field.Path) field.ErrorList { return required(p.Child("volumeID"), s.portworx.VolumeID) })
	c.one(s.quobyte != nil, "quobyte", func(p *field.Path) field.ErrorList { return quobyte(p, s.quobyte) })
	c.one(s.azure != nil, "azureDisk", func(p *field.Path) field.ErrorList { return azureDisk(p, s.azure) })
}

func nfs(p *field.Path, s *corev1.NFSVolumeSource) field.ErrorList {
	return append(required(p.Child("server"), s.Server), absolutePath(p.Child("path"), s.Path)...)
}

func secretRef(p *field.Path, r *corev1.LocalObjectReference) field.ErrorList {
	if r == nil {
		return nil
	}
	return required(p.Child("secretRef", "name"), r.Name)
}

// qualifiedSecretRef is a secretRef for what is in no namespace itself.
func qualifiedSecretRef(p *field.Path, r *corev1.SecretReference) field.ErrorList {
	if r == nil {
		return nil
	}
	return append(required(p.Child("name"), r.Name), required(p.Child("namespace"), r.Namespace)...)
}

func monitors(p *field.Path, list []string) field.ErrorList {
	if len(list) == 0 {
		return field.ErrorList{field.Required(p.Child("monitors"), "")}
	}
	return nil
}

func rbd(p *field.Path, monitorList []string, image string) field.ErrorList {
	return append(monitors(p, monitorList), required(p.Child("image"), image)...)
}

func scaleIO(p *field.Path, gateway, system, volume string) field.ErrorList {
	errs := required(p.Child("gateway"), gateway)
	errs = append(errs, required(p.Child("system"), system)...)
	return append(errs, required(p.Child("volumeName"), volume)...)
}

// fibreChannel names a volume by worldwide names and LUN, or by worldwide identifiers.
func fibreChannel(p *field.Path, s *corev1.FCVolumeSource) (errs field.ErrorList) {
	switch {
	case len(s.TargetWWNs) == 0 && len(s.WWIDs) == 0:
		errs = append(errs, field.Required(p.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"))
	case len(s.TargetWWNs) > 0 && len(s.WWIDs) > 0:
		errs = append(errs, field.Invalid(p.Child("targetWWNs"), s.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	if len(s.TargetWWNs) == 0 {
		return errs
	}
	if s.Lun == nil {
		return append(errs, field.Required(p.Child("lun"), "lun is required if targetWWNs is specified"))
	}
	return append(errs, invalids(p.Child("lun"), *s.Lun, validation.IsInRange(int(*s.Lun), 0, 255))...)
}

const maxCSIDriverName = 63

func csiDriverName(p *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	if len(name) > maxCSIDriverName {
		errs = append(errs, field.TooLong(p, name, maxCSIDriverName))
	}
	return append(errs, lowerSubdomain(p, name)...)
}

// csiVolume checks a volume that a CSI driver serves.
func csiVolume(p *field.Path, s *corev1.CSIPersistentVolumeSource) field.ErrorList {
	errs := csiDriverName(p.Child("driver"), s.Driver)
	errs = append(errs, required(p.Child("volumeHandle"), s.VolumeHandle)...)
	errs = append(errs, qualifiedSecretRef(p.Child("controllerPublishSecretRef"), s.ControllerPublishSecretRef)...)
	errs = append(errs, qualifiedSecretRef(p.Child("controllerExpandSecretRef"), s.ControllerExpandSecretRef)...)
	errs = append(errs, qualifiedSecretRef(p.Child("nodePublishSecretRef"), s.NodePublishSecretRef)...)
	return append(errs, qualifiedSecretRef(p.Child("nodeExpandSecretRef"), s.NodeExpandSecretRef)...)
}
