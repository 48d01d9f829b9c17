package core

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// setFamilies fills in the IP families and the policy of a Service that needs a cluster IP, and refuses
// those that the cluster does not have. cluster are its families, the default one first. old is nil
// when s is new.
// See https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services.
func setFamilies(s, old *corev1.Service, cluster []corev1.IPFamily) field.ErrorList {
	spec := &s.Spec
	if old != nil && prefersAsBefore(spec, &old.Spec) {
		return nil // a cluster that became dual-stack does not change the Services it has
	}
	if errs := singleStackOfTwo(spec); len(errs) > 0 {
		return errs
	}
	if !isHeadless(s) {
		for i, ip := range spec.ClusterIPs {
			if addr, err := netip.ParseAddr(ip); err == nil && i >= len(spec.IPFamilies) {
				spec.IPFamilies = append(spec.IPFamilies, familyOf(addr))
			}
		}
	}
	if isHeadless(s) && len(spec.Selector) == 0 {
		// Its endpoints are set by hand and may be of any family, whatever the cluster has.
		setSelectorlessFamilies(spec, cluster[0])
		return nil
	}
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		if len(spec.IPFamilies) > 1 || len(spec.ClusterIPs) > 1 {
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		spec.IPFamilyPolicy = &policy
	}
	if errs := notConfigured(spec, cluster); len(errs) > 0 {
		return errs
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{cluster[0]}
	}
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 && len(cluster) == 2 {
		spec.IPFamilies = append(spec.IPFamilies, otherFamily(spec.IPFamilies[0]))
	}
	return nil
}

// prefersAsBefore is true of a Service that preferred and prefers two families and asks for no change
// of what it got.
func prefersAsBefore(spec, old *corev1.ServiceSpec) bool {
	return isPolicy(spec, corev1.IPFamilyPolicyPreferDualStack) && isPolicy(old, corev1.IPFamilyPolicyPreferDualStack) &&
		slices.Equal(spec.ClusterIPs, old.ClusterIPs) && slices.Equal(spec.IPFamilies, old.IPFamilies) && len(spec.IPFamilies) > 0
}

func isPolicy(spec *corev1.ServiceSpec, policy corev1.IPFamilyPolicy) bool {
	return spec.IPFamilyPolicy != nil && *spec.IPFamilyPolicy == policy
}

// singleStackOfTwo refuses a Service that wants one family and names two.
func singleStackOfTwo(spec *corev1.ServiceSpec) (errs field.ErrorList) {
	if !isPolicy(spec, corev1.IPFamilyPolicySingleStack) {
		return nil
	}
	path := field.NewPath("spec", "ipFamilyPolicy")
	if len(spec.ClusterIPs) == 2 {
		errs = append(errs, field.Invalid(path, *spec.IPFamilyPolicy, "must be RequireDualStack or PreferDualStack when multiple 'clusterIPs' are specified"))
	}
	if len(spec.IPFamilies) == 2 {
		errs = append(errs, field.Invalid(path, *spec.IPFamilyPolicy, "must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified"))
	}
	return errs
}

func notConfigured(spec *corev1.ServiceSpec, cluster []corev1.IPFamily) (errs field.ErrorList) {
	path := field.NewPath("spec")
	if isPolicy(spec, corev1.IPFamilyPolicyRequireDualStack) && len(cluster) < 2 {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *spec.IPFamilyPolicy, "this cluster is not configured for dual-stack services"))
	}
	for i, family := range spec.IPFamilies {
		if !slices.Contains(cluster, family) {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(i), family, "not configured on this cluster"))
		}
	}
	return errs
}

func setSelectorlessFamilies(spec *corev1.ServiceSpec, first corev1.IPFamily) {
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicyRequireDualStack
		spec.IPFamilyPolicy = &policy
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{first}
	}
	if len(spec.IPFamilies) == 1 && !isPolicy(spec, corev1.IPFamilyPolicySingleStack) {
		spec.IPFamilies = append(spec.IPFamilies, otherFamily(spec.IPFamilies[0]))
	}
}

// dropSecondary takes the second family and address from a Service that became single-stack, where
// the client left them as they were.
func dropSecondary(s, old *corev1.Service) {
	if !isPolicy(&s.Spec, corev1.IPFamilyPolicySingleStack) {
		return
	}
	if slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) && len(s.Spec.ClusterIPs) > 1 {
		s.Spec.ClusterIPs = s.Spec.ClusterIPs[:1]
	}
	if slices.Equal(s.Spec.IPFamilies, old.Spec.IPFamilies) && len(s.Spec.IPFamilies) > 1 {
		s.Spec.IPFamilies = s.Spec.IPFamilies[:1]
	}
}

func otherFamily(family corev1.IPFamily) corev1.IPFamily {
	if family == corev1.IPv6Protocol {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

func familyOf(addr netip.Addr) corev1.IPFamily {
	if addr.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
