package core

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// setFamilies fills in the IP families of a Service that needs a cluster IP, on a cluster of one
// family, and refuses those that the cluster does not have.
func setFamilies(s *corev1.Service, cluster corev1.IPFamily) field.ErrorList {
	spec := &s.Spec
	if isHeadless(s) && len(spec.Selector) == 0 {
		// Its endpoints are set by hand and may be of any family, whatever the cluster has.
		setSelectorlessFamilies(spec, cluster)
		return nil
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{cluster}
		if len(spec.ClusterIPs) > 0 {
			if addr, err := netip.ParseAddr(spec.ClusterIPs[0]); err == nil {
				spec.IPFamilies[0] = familyOf(addr)
			}
		}
	}
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		if len(spec.IPFamilies) > 1 {
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		spec.IPFamilyPolicy = &policy
	}
	var errs field.ErrorList
	path := field.NewPath("spec")
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *spec.IPFamilyPolicy, "this cluster is not configured for dual-stack services"))
	}
	for i, family := range spec.IPFamilies {
		if family != cluster {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(i), family, "not configured on this cluster"))
		}
	}
	return errs
}

func setSelectorlessFamilies(spec *corev1.ServiceSpec, cluster corev1.IPFamily) {
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{cluster}
	}
	if len(spec.IPFamilies) < 2 && (spec.IPFamilyPolicy == nil || *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack) {
		other := corev1.IPv6Protocol
		if spec.IPFamilies[0] == corev1.IPv6Protocol {
			other = corev1.IPv4Protocol
		}
		spec.IPFamilies = append(spec.IPFamilies, other)
	}
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicyRequireDualStack
		spec.IPFamilyPolicy = &policy
	}
}

func familyOf(addr netip.Addr) corev1.IPFamily {
	if addr.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
