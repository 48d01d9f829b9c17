package validation

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Lease checks a new Lease.
func Lease(l *coordinationv1.Lease) field.ErrorList {
	s := &l.Spec
	errs := newMeta(&l.ObjectMeta, namespaced, subdomainName)
	if d := s.LeaseDurationSeconds; d != nil && *d <= 0 {
		errs = append(errs, field.Invalid(specPath.Child("leaseDurationSeconds"), *d, "must be greater than 0"))
	}
	if n := s.LeaseTransitions; n != nil && *n < 0 {
		errs = append(errs, field.Invalid(specPath.Child("leaseTransitions"), *n, "must be greater than or equal to 0"))
	}
	if s.Strategy != nil && *s.Strategy != coordinationv1.OldestEmulationVersion {
		errs = append(errs, domainPrefixed(specPath.Child("strategy"), string(*s.Strategy))...)
	}
	if s.PreferredHolder != nil && *s.PreferredHolder != "" && (s.Strategy == nil || *s.Strategy == "") {
		errs = append(errs, field.Forbidden(specPath.Child("preferredHolder"), "may only be specified when `strategy` is defined"))
	}
	return errs
}

// LeaseUpdate checks a replacement of a Lease; everything may change.
func LeaseUpdate(l, old *coordinationv1.Lease) field.ErrorList {
	return append(updatedMeta(&l.ObjectMeta, &old.ObjectMeta), Lease(l)...)
}
