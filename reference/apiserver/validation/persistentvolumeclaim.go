package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PersistentVolumeClaim checks a new claim.
func PersistentVolumeClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	return append(newMeta(&c.ObjectMeta, namespaced, subdomainName), claimSpec(specPath, &c.Spec)...)
}

func accessModes(p *field.Path, modes []corev1.PersistentVolumeAccessMode) (errs field.ErrorList) {
	if len(modes) == 0 {
		errs = append(errs, field.Required(p, "at least 1 access mode is required"))
	}
	seen := sets.New[corev1.PersistentVolumeAccessMode]()
	for _, m := range modes {
		errs = append(errs, supportedValue(p, m, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
		seen.Insert(m)
	}
	if seen.Has(corev1.ReadWriteOncePod) && seen.Len() > 1 {
		errs = append(errs, field.Forbidden(p, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

func claimSpec(p *field.Path, s *corev1.PersistentVolumeClaimSpec) field.ErrorList {
	errs := accessModes(p.Child("accessModes"), s.AccessModes)
	errs = append(errs, labelSelector(p.Child("selector"), s.Selector)...)
	requests := p.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := s.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(requests, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(requests, size.String(), notPositive))
	}
	if s.StorageClassName != nil && *s.StorageClassName != "" {
		errs = append(errs, dnsSubdomain(p.Child("storageClassName"), *s.StorageClassName)...)
	}
	errs = append(errs, oneOfPtr(p.Child("volumeMode"), s.VolumeMode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	errs = append(errs, claimDataSources(p, s)...)
	return errs
}

func claimDataSources(p *field.Path, s *corev1.PersistentVolumeClaimSpec) (errs field.ErrorList) {
	check := func(p *field.Path, group *string, kind, name string) {
		errs = append(errs, required(p.Child("name"), name)...)
		errs = append(errs, required(p.Child("kind"), kind)...)
		if (group == nil || *group == "") && kind != "PersistentVolumeClaim" {
			errs = append(errs, field.Invalid(p, kind, ""))
		}
	}
	if d := s.DataSource; d != nil {
		check(p.Child("dataSource"), d.APIGroup, d.Kind, d.Name)
	}
	if d := s.DataSourceRef; d != nil {
		check(p.Child("dataSourceRef"), d.APIGroup, d.Kind, d.Name)
		if d.Namespace != nil && *d.Namespace != "" {
			errs = append(errs, dnsLabel(p.Child("dataSourceRef", "namespace"), *d.Namespace)...)
			if s.DataSource != nil {
				errs = append(errs, field.Invalid(p, p.Child("dataSource").String(),
					"may not be specified when dataSourceRef.namespace is specified"))
			}
		}
	}
	if a, b := s.DataSource, s.DataSourceRef; a != nil && b != nil && (b.Namespace == nil || *b.Namespace == "") {
		if !equal(a.APIGroup, b.APIGroup) || a.Kind != b.Kind || a.Name != b.Name {
			errs = append(errs, field.Invalid(p, p.Child("dataSource").String(), "must match dataSourceRef"))
		}
	}
	return errs
}

// PersistentVolumeClaimUpdate checks a replacement: a bound claim may grow, and nothing else.
func PersistentVolumeClaimUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), PersistentVolumeClaim(c)...)
	rest := c.Spec.DeepCopy()
	if old.Spec.VolumeName == "" {
		rest.VolumeName = ""
	}
	if old.Spec.StorageClassName == nil {
		rest.StorageClassName = nil
	}
	if old.Status.Phase == corev1.ClaimBound {
		rest.Resources.Requests = old.Spec.Resources.Requests
	}
	rest.VolumeAttributesClassName = old.Spec.VolumeAttributesClassName
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(specPath, fmt.Sprintf(
			"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n%v", diff.Diff(old.Spec, *rest))))
	}
	size, was := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if size.Cmp(was) < 0 && old.Status.Phase == corev1.ClaimBound && size.Cmp(old.Status.Capacity[corev1.ResourceStorage]) <= 0 {
		errs = append(errs, field.Forbidden(specPath.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	return errs
}

// PersistentVolumeClaimStatusUpdate checks a write to a claim's status.
func PersistentVolumeClaimStatusUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	if len(c.ResourceVersion) == 0 {
		errs = append(errs, field.Required(metadataPath.Child("resourceVersion"), ""))
	}
	if len(c.Spec.AccessModes) == 0 {
		errs = append(errs, field.Required(specPath.Child("accessModes"), ""))
	}
	for _, name := range resourceNames(c.Status.Capacity) {
		errs = append(errs, quantity(statusPath.Child("capacity").Key(string(name)), name, c.Status.Capacity[name])...)
	}
	return errs
}
