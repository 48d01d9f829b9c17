package validation

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PersistentVolumeClaim checks a new claim.
func PersistentVolumeClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	return append(newMeta(&c.ObjectMeta, namespaced, subdomainName), claimSpec(specPath, &c.Spec)...)
}

func accessModes(p *field.Path, modes []corev1.PersistentVolumeAccessMode) (errs field.ErrorList) {
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

func claimSpec(p *field.Path, s *corev1.PersistentVolumeClaimSpec) (errs field.ErrorList) {
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(p.Child("accessModes"), "at least 1 access mode is required"))
	}
	errs = append(errs, accessModes(p.Child("accessModes"), s.AccessModes)...)
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
	if c := s.VolumeAttributesClassName; c != nil && *c != "" {
		errs = append(errs, dnsSubdomain(p.Child("volumeAttributesClassName"), *c)...)
	}
	return errs
}

func claimDataSources(p *field.Path, s *corev1.PersistentVolumeClaimSpec) (errs field.ErrorList) {
	check := func(p *field.Path, group *string, kind, name string) {
		errs = append(errs, required(p.Child("name"), name)...)
		errs = append(errs, required(p.Child("kind"), kind)...)
		switch {
		case group != nil && *group != "":
			errs = append(errs, dnsSubdomain(p.Child("apiGroup"), *group)...)
		case kind != "PersistentVolumeClaim":
			errs = append(errs, field.Invalid(p, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
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
	if old.Spec.StorageClassName == nil && mayNameClass(c, old) {
		rest.StorageClassName = nil
	}
	if c.Status.Phase == corev1.ClaimBound && rest.Resources.Requests != nil {
		rest.Resources.Requests[corev1.ResourceStorage] = old.Spec.Resources.Requests[corev1.ResourceStorage]
	}
	rest.VolumeAttributesClassName = old.Spec.VolumeAttributesClassName
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(specPath, fmt.Sprintf(
			"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n%v", diff.Diff(old.Spec, *rest))))
	}
	// A smaller size than was asked for ends an expansion that failed; the volume itself cannot shrink.
	size, was := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if size.Cmp(was) < 0 && size.Cmp(old.Status.Capacity[corev1.ResourceStorage]) <= 0 {
		errs = append(errs, field.Forbidden(specPath.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	errs = append(errs, attributesClassUpdate(c.Spec.VolumeAttributesClassName, old)...)
	return append(errs, unchanged(field.NewPath("volumeMode"), c.Spec.VolumeMode, old.Spec.VolumeMode)...)
}

// attributesClassUpdate: a class can be taken back until a volume was given its attributes, as while they are
// infeasible; from then on only another class can replace it.
func attributesClassUpdate(class *string, old *corev1.PersistentVolumeClaim) field.ErrorList {
	const unless = " is forbidden when status.currentVolumeAttributesClassName is not nil"
	p := specPath.Child("volumeAttributesClassName")
	switch {
	case old.Status.CurrentVolumeAttributesClassName == nil || equal(class, old.Spec.VolumeAttributesClassName):
		return nil
	case class == nil:
		return field.ErrorList{field.Forbidden(p, "update to nil"+unless)}
	case *class == "":
		return field.ErrorList{field.Forbidden(p, "update to empty string"+unless)}
	}
	return nil
}

// mayNameClass: a claim without a class may be given one later, and one whose class is named by the
// annotation of old may take it over into the field.
func mayNameClass(c, old *corev1.PersistentVolumeClaim) bool {
	class, annotated := old.Annotations[corev1.BetaStorageClassAnnotation]
	return !annotated || c.Spec.StorageClassName == nil || *c.Spec.StorageClassName == class
}

// PersistentVolumeClaimStatusUpdate checks a write to a claim's status.
func PersistentVolumeClaimStatusUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	if len(c.ResourceVersion) == 0 {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	if len(c.Spec.AccessModes) == 0 {
		errs = append(errs, field.Required(field.NewPath("Spec", "accessModes"), ""))
	}
	for _, name := range resourceNames(c.Status.Capacity) {
		errs = append(errs, notNegative(statusPath.Child("capacity").Key(string(name)), c.Status.Capacity[name])...)
	}
	statuses := statusPath.Child("allocatedResourceStatuses")
	for _, name := range slices.Sorted(maps.Keys(c.Status.AllocatedResourceStatuses)) {
		errs = append(errs, claimResource(statuses, name)...)
		if !slices.Contains(claimResourceStatuses, c.Status.AllocatedResourceStatuses[name]) {
			errs = append(errs, field.NotSupported(statuses, name, claimResourceStatuses))
		}
	}
	for _, name := range resourceNames(c.Status.AllocatedResources) {
		at := statusPath.Child("allocatedResources")
		errs = append(errs, claimResource(at, name)...)
		errs = append(errs, notNegative(at.Key(string(name)), c.Status.AllocatedResources[name])...)
	}
	return errs
}

// claimResourceStatuses say how far the expansion of a claim has come.
var claimResourceStatuses = []corev1.ClaimResourceStatus{
	corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeInfeasible,
	corev1.PersistentVolumeClaimNodeResizeInProgress, corev1.PersistentVolumeClaimNodeResizeInfeasible,
	corev1.PersistentVolumeClaimNodeResizePending,
}

// claimResource is storage, or a resource of somebody else's.
func claimResource(p *field.Path, name corev1.ResourceName) field.ErrorList {
	if errs := qualifiedName(p, string(name)); len(errs) > 0 {
		return errs
	}
	if name != corev1.ResourceStorage && isNative(name) {
		return field.ErrorList{field.NotSupported(p, name, []string{string(corev1.ResourceStorage), "a custom resource name"})}
	}
	return nil
}

func notNegative(p *field.Path, q resource.Quantity) field.ErrorList {
	if q.Sign() < 0 {
		return field.ErrorList{field.Invalid(p, q.Value(), "must be a valid resource quantity")}
	}
	return nil
}
