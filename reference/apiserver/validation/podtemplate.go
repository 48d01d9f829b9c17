package validation

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodTemplateSpec checks a template that pods are made of; p is where it is in its object.
func PodTemplateSpec(t *corev1.PodTemplateSpec, p *field.Path) field.ErrorList {
	errs := labels(p.Child("labels"), t.Labels)
	errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, p.Child("annotations"))...)
	errs = append(errs, podAnnotations(p.Child("annotations"), t.Annotations, &t.Spec)...)
	errs = append(errs, podSpec(p.Child("spec"), &t.Spec, false)...)
	errs = append(errs, appArmorAgrees(p.Child("spec"), t.Annotations, &t.Spec)...)
	if len(t.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(p.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// PodTemplate checks a new PodTemplate object.
func PodTemplate(t *corev1.PodTemplate) field.ErrorList {
	return append(newMeta(&t.ObjectMeta, namespaced, subdomainName), PodTemplateSpec(&t.Template, field.NewPath("template"))...)
}

// PodTemplateUpdate checks a replacement of a PodTemplate object; everything may change.
func PodTemplateUpdate(t, old *corev1.PodTemplate) field.ErrorList {
	return append(updatedMeta(&t.ObjectMeta, &old.ObjectMeta), PodTemplate(t)...)
}
