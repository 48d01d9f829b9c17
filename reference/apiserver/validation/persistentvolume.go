package validation

import (
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PersistentVolume checks a new volume.
func PersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	return append(newMeta(&v.ObjectMeta, clusterScoped, subdomainName), volumeSpec(specPath, &v.Spec)...)
}

func volumeSpec(p *field.Path, s *corev1.PersistentVolumeSpec) field.ErrorList {
	var errs field.ErrorList
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(p.Child("accessModes"), ""))
	}
	errs = append(errs, accessModes(p.Child("accessModes"), s.AccessModes)...)
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
	errs = append(errs, volumeAffinity(p.Child("nodeAffinity"), s.NodeAffinity)...)
	errs = append(errs, persistentSource(p, s)...)
	if h := s.HostPath; h != nil && path.Clean(h.Path) == "/" && s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(p.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		errs = append(errs, dnsSubdomain(p.Child("storageClassName"), s.StorageClassName)...)
	}
	errs = append(errs, oneOfPtr(p.Child("volumeMode"), s.VolumeMode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	if c := s.VolumeAttributesClassName; c != nil {
		if *c == "" {
			errs = append(errs, field.Required(p.Child("volumeAttributesClassName"), "an empty string is disallowed"))
		} else {
			errs = append(errs, dnsSubdomain(p.Child("volumeAttributesClassName"), *c)...)
		}
		if s.CSI == nil {
			errs = append(errs, field.Required(p.Child("csi"), "has to be specified when using volumeAttributesClassName"))
		}
	}
	return errs
}

func volumeAffinity(p *field.Path, a *corev1.VolumeNodeAffinity) field.ErrorList {
	switch {
	case a == nil:
		return nil
	case a.Required == nil:
		return field.ErrorList{field.Required(p.Child("required"), "must specify required node constraints")}
	}
	return nodeSelector(p.Child("required"), a.Required)
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
		return csiVolume(p, s.CSI)
	})
	c.one(s.ISCSI != nil, "iscsi", func(p *field.Path) field.ErrorList {
		v := s.ISCSI
		errs := iscsi(p, iscsiTarget{v.TargetPortal, v.IQN, v.Lun, v.InitiatorName, v.DiscoveryCHAPAuth || v.SessionCHAPAuth, v.SecretRef != nil})
		if v.SecretRef != nil {
			errs = append(errs, required(p.Child("secretRef", "name"), v.SecretRef.Name)...)
		}
		return errs
	})
	c.one(s.Glusterfs != nil, "glusterfs", func(p *field.Path) field.ErrorList {
		errs := append(required(p.Child("endpoints"), s.Glusterfs.EndpointsName), required(p.Child("path"), s.Glusterfs.Path)...)
		if n := s.Glusterfs.EndpointsNamespace; n != nil {
			errs = append(errs, dnsLabel(p.Child("endpointsNamespace"), *n)...)
		}
		return errs
	})
	c.one(s.RBD != nil, "rbd", func(p *field.Path) field.ErrorList { return rbd(p, s.RBD.CephMonitors, s.RBD.RBDImage) })
	c.one(s.CephFS != nil, "cephfs", func(p *field.Path) field.ErrorList { return monitors(p, s.CephFS.Monitors) })
	c.one(s.Cinder != nil, "cinder", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("volumeID"), s.Cinder.VolumeID), qualifiedSecretRef(p.Child("secretRef"), s.Cinder.SecretRef)...)
	})
	c.one(s.FlexVolume != nil, "flexVolume", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("driver"), s.FlexVolume.Driver), flexOptions(p.Child("options"), s.FlexVolume.Options)...)
	})
	c.one(s.AzureFile != nil, "azureFile", func(p *field.Path) field.ErrorList {
		errs := append(required(p.Child("secretName"), s.AzureFile.SecretName), required(p.Child("shareName"), s.AzureFile.ShareName)...)
		if n := s.AzureFile.SecretNamespace; n != nil {
			errs = append(errs, required(p.Child("secretNamespace"), *n)...)
		}
		return errs
	})
	c.one(s.ScaleIO != nil, "scaleIO", func(p *field.Path) field.ErrorList {
		return scaleIO(p, s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName)
	})
	c.one(s.StorageOS != nil, "storageos", func(p *field.Path) field.ErrorList {
		return required(p.Child("volumeName"), s.StorageOS.VolumeName)
	})
	sharedVolumes(c, &sharedSources{s.GCEPersistentDisk, s.AWSElasticBlockStore, s.Flocker, s.FC, s.VsphereVolume, s.PhotonPersistentDisk,
		s.PortworxVolume, s.Quobyte, s.AzureDisk})
	return c.result()
}

// PersistentVolumeUpdate checks a replacement: what the volume is cannot change.
func PersistentVolumeUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	errs := append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), PersistentVolume(v)...)
	source, was := v.Spec.PersistentVolumeSource, old.Spec.PersistentVolumeSource
	if source.CSI != nil && was.CSI != nil {
		// The secret for expansion may be set when there was none.
		c := *source.CSI
		if was.CSI.ControllerExpandSecretRef == nil {
			c.ControllerExpandSecretRef = nil
		}
		source.CSI = &c
	}
	if !equal(source, was) {
		errs = append(errs, field.Forbidden(specPath.Child("persistentvolumesource"),
			fmt.Sprintf("spec.persistentvolumesource is immutable after creation\n%v", diff.Diff(was, source))))
	}
	errs = append(errs, unchanged(field.NewPath("volumeMode"), v.Spec.VolumeMode, old.Spec.VolumeMode)...)
	if old.Spec.NodeAffinity != nil {
		errs = append(errs, unchanged(field.NewPath("nodeAffinity"), currentLabels(v.Spec.NodeAffinity, old.Spec.NodeAffinity), old.Spec.NodeAffinity)...)
	}
	if old.Spec.VolumeAttributesClassName != nil && v.Spec.VolumeAttributesClassName == nil {
		errs = append(errs, field.Forbidden(specPath.Child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
	}
	return errs
}

// renamedLabels are labels of nodes that a volume's affinity may be rewritten to.
var renamedLabels = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
}

// currentLabels returns a with the deprecated names of labels where old has them and a has the new.
func currentLabels(a, old *corev1.VolumeNodeAffinity) *corev1.VolumeNodeAffinity {
	if a == nil || a.Required == nil || old.Required == nil || len(a.Required.NodeSelectorTerms) != len(old.Required.NodeSelectorTerms) {
		return a
	}
	a = a.DeepCopy()
	for i := range a.Required.NodeSelectorTerms {
		list, was := a.Required.NodeSelectorTerms[i].MatchExpressions, old.Required.NodeSelectorTerms[i].MatchExpressions
		for j := range min(len(list), len(was)) {
			if renamedLabels[was[j].Key] == list[j].Key {
				list[j].Key = was[j].Key
			}
		}
	}
	return a
}

// PersistentVolumeStatusUpdate checks a write to a volume's status.
func PersistentVolumeStatusUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	return updatedMeta(&v.ObjectMeta, &old.ObjectMeta)
}
