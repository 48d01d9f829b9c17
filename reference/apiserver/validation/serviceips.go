package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// clusterIPs checks clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy against each other
// (https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services).
func clusterIPs(s *corev1.ServiceSpec, had []string) (errs field.ErrorList) {
	if s.Type == corev1.ServiceTypeExternalName {
		return nil // it has none, see externalName
	}
	p := specPath.Child("clusterIPs")
	switch {
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		errs = append(errs, field.Required(p, ""))
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0:
		errs = append(errs, field.Invalid(p, s.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	case len(s.ClusterIPs) > 0 && s.ClusterIPs[0] != s.ClusterIP:
		errs = append(errs, field.Invalid(p, s.ClusterIPs, "first value must match `clusterIP`"))
	}
	families := sets.New[corev1.IPFamily]()
	for i, f := range s.IPFamilies {
		at := specPath.Child("ipFamilies").Index(i)
		errs = append(errs, supportedValue(at, f, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if families.Has(f) {
			errs = append(errs, field.Duplicate(at, f))
		}
		families.Insert(f)
	}
	errs = append(errs, oneOfPtr(specPath.Child("ipFamilyPolicy"), s.IPFamilyPolicy, corev1.IPFamilyPolicyPreferDualStack,
		corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)

	if len(s.ClusterIPs) > 0 && s.ClusterIPs[0] == corev1.ClusterIPNone {
		if len(s.ClusterIPs) > 1 {
			errs = append(errs, field.Invalid(p, s.ClusterIPs, "'None' must be the first and only value"))
		}
		return errs
	}
	before := len(errs)
	for i, ip := range s.ClusterIPs {
		errs = append(errs, ipAddress(p.Index(i), ip, had...)...)
	}
	if len(s.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(p, s.ClusterIPs, "may only hold up to 2 values"))
	}
	if len(errs) > before {
		return errs // what follows compares well-formed addresses
	}
	if len(s.ClusterIPs) == 2 && isIPv6(s.ClusterIPs[0]) == isIPv6(s.ClusterIPs[1]) {
		errs = append(errs, field.Invalid(p, s.ClusterIPs, "may specify no more than one IP for each IP family"))
	}
	for i, ip := range s.ClusterIPs {
		if i < len(s.IPFamilies) && isIPv6(ip) != (s.IPFamilies[i] == corev1.IPv6Protocol) {
			errs = append(errs, field.Invalid(p.Index(i), ip, fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%v]`", s.IPFamilies[i], i)))
		}
	}
	return errs
}

// ServiceUpdate checks a replacement of a service.
func ServiceUpdate(s, old *corev1.Service) field.ErrorList {
	errs := append(updatedMeta(&s.ObjectMeta, &old.ObjectMeta), clusterIPsUpdate(&s.Spec, &old.Spec)...)
	errs = append(errs, ipFamiliesUpdate(&s.Spec, &old.Spec)...)
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && old.Spec.Type == corev1.ServiceTypeLoadBalancer &&
		!equal(s.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass) {
		errs = append(errs, field.Invalid(specPath.Child("loadBalancerClass"), s.Spec.LoadBalancerClass, "may not change once set"))
	}
	return append(errs, service(s, old)...)
}

// clusterIPsUpdate: a service keeps its first address for as long as it has any, and loses the second only
// by becoming single-stack.
func clusterIPsUpdate(s, old *corev1.ServiceSpec) (errs field.ErrorList) {
	if old.Type == corev1.ServiceTypeExternalName || s.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	p := specPath.Child("clusterIPs")
	had := func(list []string, i int) bool { return len(list) > i && list[i] != "" }
	if had(old.ClusterIPs, 0) {
		switch {
		case len(s.ClusterIPs) == 0:
			errs = append(errs, field.Invalid(p.Index(0), s.ClusterIPs, "primary clusterIP can not be unset"))
		case s.ClusterIPs[0] != old.ClusterIPs[0]:
			errs = append(errs, field.Invalid(p.Index(0), s.ClusterIPs, "may not change once set"))
		}
	}
	if had(old.ClusterIPs, 1) {
		switch {
		case len(s.ClusterIPs) == 1 && (s.IPFamilyPolicy == nil || *s.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack):
			errs = append(errs, field.Invalid(p, s.ClusterIPs, "`ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary clusterIP"))
		case len(s.ClusterIPs) > 1 && s.ClusterIPs[1] != old.ClusterIPs[1]:
			errs = append(errs, field.Invalid(p.Index(1), s.ClusterIPs, "may not change once set"))
		}
	}
	return errs
}

// ipFamiliesUpdate: families follow the same rule as addresses.
func ipFamiliesUpdate(s, old *corev1.ServiceSpec) (errs field.ErrorList) {
	if old.Type == corev1.ServiceTypeExternalName || s.Type == corev1.ServiceTypeExternalName || len(old.IPFamilies) == 0 {
		return nil
	}
	p := specPath.Child("ipFamilies")
	switch {
	case len(s.IPFamilies) == 0:
		errs = append(errs, field.Invalid(p.Index(0), s.IPFamilies, "primary ipFamily can not be unset"))
	case s.IPFamilies[0] != old.IPFamilies[0]:
		errs = append(errs, field.Invalid(p.Index(0), s.IPFamilies, "may not change once set"))
	}
	if len(old.IPFamilies) < 2 {
		return errs
	}
	switch {
	case len(s.IPFamilies) == 1 && (s.IPFamilyPolicy == nil || *s.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack):
		errs = append(errs, field.Invalid(p, s.IPFamilies, "`ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary ipFamily"))
	case len(s.IPFamilies) > 1 && s.IPFamilies[1] != old.IPFamilies[1]:
		errs = append(errs, field.Invalid(p.Index(1), s.IPFamilies, "may not change once set"))
	}
	return errs
}

// ServiceStatusUpdate checks a write to a service's status.
func ServiceStatusUpdate(s, old *corev1.Service) field.ErrorList {
	errs := updatedMeta(&s.ObjectMeta, &old.ObjectMeta)
	p := statusPath.Child("loadBalancer", "ingress")
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) > 0 {
		return append(errs, field.Forbidden(p, "may only be used when `spec.type` is LoadBalancer"))
	}
	var had []string
	for _, in := range old.Status.LoadBalancer.Ingress {
		had = append(had, in.IP)
	}
	for i, in := range s.Status.LoadBalancer.Ingress {
		at := p.Index(i)
		if in.IP != "" {
			errs = append(errs, ipAddress(at.Child("ip"), in.IP, had...)...)
			errs = append(errs, oneOfPtr(at.Child("ipMode"), in.IPMode, corev1.LoadBalancerIPModeProxy, corev1.LoadBalancerIPModeVIP)...)
		} else if in.IPMode != nil {
			errs = append(errs, field.Forbidden(at.Child("ipMode"), "may not be specified when `ip` is not set"))
		}
		errs = append(errs, ingressHostname(at.Child("hostname"), in.Hostname)...)
	}
	return errs
}

// ingressHostname is how a load balancer is reached that has no fixed address.
func ingressHostname(p *field.Path, name string) field.ErrorList {
	if name == "" {
		return nil
	}
	errs := dnsSubdomain(p, name)
	if len(ipAddress(p, name)) == 0 {
		errs = append(errs, field.Invalid(p, name, "must be a DNS name, not an IP address"))
	}
	return errs
}
