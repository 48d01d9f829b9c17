package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// CSIDriver checks a new CSIDriver.
func CSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	s := &d.Spec
	errs := newMeta(&d.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, csiDriverName(metadataPath.Child("name"), d.Name)...)
	needed := func(name string, b *bool) {
		if b == nil {
			errs = append(errs, field.Required(specPath.Child(name), ""))
		}
	}
	needed("attachedRequired", s.AttachRequired)
	needed("podInfoOnMount", s.PodInfoOnMount)
	needed("storageCapacity", s.StorageCapacity)
	errs = append(errs, oneOfPtr(specPath.Child("fsGroupPolicy"), s.FSGroupPolicy,
		storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)...)
	for _, m := range s.VolumeLifecycleModes {
		errs = append(errs, supportedValue(specPath.Child("volumeLifecycleModes"), m, storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral)...)
	}
	audiences := sets.New[string]()
	for i, t := range s.TokenRequests {
		at := specPath.Child("tokenRequests").Index(i)
		if audiences.Has(t.Audience) {
			errs = append(errs, field.Duplicate(at.Child("audience"), t.Audience))
			continue
		}
		audiences.Insert(t.Audience)
		switch e := t.ExpirationSeconds; {
		case e == nil:
		case *e < minTokenSeconds:
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *e, "may not specify a duration less than 10 minutes"))
		case *e > maxTokenSeconds:
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *e, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	if s.ServiceAccountTokenInSecrets != nil && len(s.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(specPath.Child("serviceAccountTokenInSecrets"), *s.ServiceAccountTokenInSecrets,
			"must not be specified when `tokenRequests` is empty"))
	}
	if n := s.NodeAllocatableUpdatePeriodSeconds; n != nil && *n < minAllocatableUpdateSeconds {
		errs = append(errs, field.Invalid(specPath.Child("nodeAllocatableUpdatePeriodSeconds"), *n,
			fmt.Sprintf("must be greater than or equal to %d seconds", minAllocatableUpdateSeconds)))
	}
	return errs
}

const minAllocatableUpdateSeconds = 10

// CSIDriverUpdate checks a replacement of a CSIDriver.
func CSIDriverUpdate(d, old *storagev1.CSIDriver) field.ErrorList {
	errs := append(updatedMeta(&d.ObjectMeta, &old.ObjectMeta), CSIDriver(d)...)
	errs = append(errs, unchanged(specPath.Child("attachedRequired"), d.Spec.AttachRequired, old.Spec.AttachRequired)...)
	return append(errs, unchanged(specPath.Child("volumeLifecycleModes"), d.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes)...)
}

// VolumeAttachment checks a new VolumeAttachment.
func VolumeAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	s := &a.Spec
	errs := newMeta(&a.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, csiDriverName(specPath.Child("attacher"), s.Attacher)...)
	if s.Attacher != "" {
		errs = append(errs, lowerQualified(specPath.Child("attacher"), s.Attacher)...)
	}
	errs = append(errs, dnsSubdomain(specPath.Child("nodeName"), s.NodeName)...)
	source := specPath.Child("source")
	switch {
	case s.Source.PersistentVolumeName == nil && s.Source.InlineVolumeSpec == nil:
		errs = append(errs, field.Required(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case s.Source.PersistentVolumeName != nil && s.Source.InlineVolumeSpec != nil:
		errs = append(errs, field.Forbidden(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case s.Source.PersistentVolumeName != nil:
		if *s.Source.PersistentVolumeName == "" {
			errs = append(errs, field.Required(source.Child("persistentVolumeName"), "must specify non empty persistentVolumeName"))
		}
		errs = append(errs, dnsSubdomain(source.Child("persistentVolumeName"), *s.Source.PersistentVolumeName)...)
	default:
		errs = append(errs, inlineVolume(source.Child("inlineVolumeSpec"), s.Source.InlineVolumeSpec)...)
	}
	return errs
}

// inlineVolume is a volume that only a pod names: of a CSI driver, and of no class, size or claim.
func inlineVolume(p *field.Path, s *corev1.PersistentVolumeSpec) (errs field.ErrorList) {
	const inline = "in the context of inline volumes"
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "may not be specified "+inline))
		}
	}
	forbid(s.ClaimRef != nil, "claimRef")
	forbid(len(s.Capacity) > 0, "capacity")
	if s.CSI == nil {
		errs = append(errs, field.Required(p.Child("csi"), "has to be specified "+inline))
	}
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(p.Child("accessModes"), ""))
	}
	errs = append(errs, accessModes(p.Child("accessModes"), s.AccessModes)...)
	errs = append(errs, volumeAffinity(p.Child("nodeAffinity"), s.NodeAffinity)...)
	errs = append(errs, persistentSource(p, s)...)
	forbid(s.StorageClassName != "", "storageClassName")
	if s.VolumeMode != nil && *s.VolumeMode != corev1.PersistentVolumeFilesystem {
		errs = append(errs, field.Forbidden(p.Child("volumeMode"), "may not specify volumeMode other than Filesystem "+inline))
	}
	return errs
}

// VolumeAttachmentUpdate checks a replacement of a VolumeAttachment, whose spec is immutable.
func VolumeAttachmentUpdate(a, old *storagev1.VolumeAttachment) field.ErrorList {
	errs := append(updatedMeta(&a.ObjectMeta, &old.ObjectMeta), VolumeAttachment(a)...)
	if !equal(a.Spec, old.Spec) {
		errs = append(errs, field.Invalid(specPath, a.Spec, immutable))
	}
	return errs
}

// VolumeAttachmentStatusUpdate checks a write to a VolumeAttachment's status.
func VolumeAttachmentStatusUpdate(a, old *storagev1.VolumeAttachment) field.ErrorList {
	return updatedMeta(&a.ObjectMeta, &old.ObjectMeta)
}
