package validation

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ControllerRevision checks a new ControllerRevision.
func ControllerRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := newMeta(&r.ObjectMeta, namespaced, subdomainName)
	if r.Data.Raw == nil && r.Data.Object == nil {
		errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
	}
	return append(errs, nonNegative(field.NewPath("revision"), r.Revision)...)
}

// ControllerRevisionUpdate checks a replacement: a revision may be renumbered, not rewritten.
func ControllerRevisionUpdate(r, old *appsv1.ControllerRevision) field.ErrorList {
	errs := append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), ControllerRevision(r)...)
	return append(errs, unchanged(field.NewPath("data"), r.Data, old.Data)...)
}
