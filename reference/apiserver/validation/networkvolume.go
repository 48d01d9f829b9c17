package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// networkVolumes checks the volume types whose storage is on another machine. Most of them are
// served by CSI drivers today; of those only what identifies the volume is checked.
func networkVolumes(c *sourceCheck, s *corev1.VolumeSource) {
	c.one(s.NFS != nil, "nfs", func(p *field.Path) field.ErrorList { return nfs(p, s.NFS) })
	c.one(s.ISCSI != nil, "iscsi", func(p *field.Path) field.ErrorList {
		return iscsi(p, s.ISCSI.TargetPortal, s.ISCSI.IQN, s.ISCSI.Lun)
	})
	c.one(s.GitRepo != nil, "gitRepo", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("repository"), s.GitRepo.Repository), descendingPath(p.Child("directory"), s.GitRepo.Directory)...)
	})
	c.one(s.GCEPersistentDisk != nil, "gcePersistentDisk", func(p *field.Path) field.ErrorList {
		return required(p.Child("pdName"), s.GCEPersistentDisk.PDName)
	})
	c.one(s.AWSElasticBlockStore != nil, "awsElasticBlockStore", func(p *field.Path) field.ErrorList {
		return required(p.Child("volumeID"), s.AWSElasticBlockStore.VolumeID)
	})
	c.one(s.Glusterfs != nil, "glusterfs", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("endpoints"), s.Glusterfs.EndpointsName), required(p.Child("path"), s.Glusterfs.Path)...)
	})
	c.one(s.RBD != nil, "rbd", func(p *field.Path) field.ErrorList { return rbd(p, s.RBD.CephMonitors, s.RBD.RBDImage) })
	c.one(s.CephFS != nil, "cephfs", func(p *field.Path) field.ErrorList { return monitors(p, s.CephFS.Monitors) })
	c.one(s.Cinder != nil, "cinder", func(p *field.Path) field.ErrorList { return required(p.Child("volumeID"), s.Cinder.VolumeID) })
	c.one(s.FlexVolume != nil, "flexVolume", func(p *field.Path) field.ErrorList { return required(p.Child("driver"), s.FlexVolume.Driver) })
	c.one(s.FC != nil, "fc", func(p *field.Path) field.ErrorList { return fibreChannel(p, s.FC) })
	c.one(s.AzureFile != nil, "azureFile", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("secretName"), s.AzureFile.SecretName), required(p.Child("shareName"), s.AzureFile.ShareName)...)
	})
	c.one(s.AzureDisk != nil, "azureDisk", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("diskName"), s.AzureDisk.DiskName), required(p.Child("diskURI"), s.AzureDisk.DataDiskURI)...)
	})
	c.one(s.VsphereVolume != nil, "vsphereVolume", func(p *field.Path) field.ErrorList {
		return required(p.Child("volumePath"), s.VsphereVolume.VolumePath)
	})
	c.one(s.Quobyte != nil, "quobyte", func(p *field.Path) field.ErrorList { return required(p.Child("volume"), s.Quobyte.Volume) })
	c.one(s.PortworxVolume != nil, "portworxVolume", func(p *field.Path) field.ErrorList {
		return required(p.Child("volumeID"), s.PortworxVolume.VolumeID)
	})
	c.one(s.PhotonPersistentDisk != nil, "photonPersistentDisk", func(p *field.Path) field.ErrorList {
		return required(p.Child("pdID"), s.PhotonPersistentDisk.PdID)
	})
	c.one(s.Flocker != nil, "flocker", func(p *field.Path) field.ErrorList {
		if s.Flocker.DatasetName == "" && s.Flocker.DatasetUUID == "" {
			return field.ErrorList{field.Required(p, "one of datasetName and datasetUUID is required")}
		}
		return nil
	})
	c.one(s.ScaleIO != nil, "scaleIO", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("gateway"), s.ScaleIO.Gateway), required(p.Child("volumeName"), s.ScaleIO.VolumeName)...)
	})
	c.one(s.StorageOS != nil, "storageos", func(p *field.Path) field.ErrorList {
		return required(p.Child("volumeName"), s.StorageOS.VolumeName)
	})
}

func nfs(p *field.Path, s *corev1.NFSVolumeSource) field.ErrorList {
	return append(required(p.Child("server"), s.Server), absolutePath(p.Child("path"), s.Path)...)
}

func iscsi(p *field.Path, portal, iqn string, lun int32) field.ErrorList {
	errs := required(p.Child("targetPortal"), portal)
	errs = append(errs, required(p.Child("iqn"), iqn)...)
	return append(errs, invalids(p.Child("lun"), lun, validation.IsInRange(int(lun), 0, 255))...)
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

// fibreChannel names a volume by worldwide names and LUN, or by worldwide identifiers.
func fibreChannel(p *field.Path, s *corev1.FCVolumeSource) (errs field.ErrorList) {
	switch {
	case len(s.TargetWWNs) == 0 && len(s.WWIDs) == 0:
		errs = append(errs, field.Required(p.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"))
	case len(s.TargetWWNs) > 0 && len(s.WWIDs) > 0:
		errs = append(errs, field.Invalid(p.Child("targetWWNs"), s.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	case len(s.TargetWWNs) > 0 && s.Lun == nil:
		errs = append(errs, field.Required(p.Child("lun"), "lun is required if targetWWNs is specified"))
	case len(s.TargetWWNs) > 0:
		errs = append(errs, invalids(p.Child("lun"), *s.Lun, validation.IsInRange(int(*s.Lun), 0, 255))...)
	}
	return errs
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
