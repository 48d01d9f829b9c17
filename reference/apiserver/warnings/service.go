package warnings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Service warns of what a Service's type makes meaningless, and of addresses in odd spellings.
func Service(s, _ *corev1.Service) (out []string) {
	spec := field.NewPath("spec")
	if s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone {
		for i, ip := range s.Spec.ClusterIPs {
			out = append(out, validation.GetWarningsForIP(spec.Child("clusterIPs").Index(i), ip)...)
		}
	}
	headless := len(s.Spec.ClusterIPs) == 1 && s.Spec.ClusterIPs[0] == corev1.ClusterIPNone
	warn := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	warn(headless && s.Spec.LoadBalancerIP != "", `spec.loadBalancerIP is ignored when spec.clusterIP is set to "None"`)
	warn(headless && len(s.Spec.ExternalIPs) > 0, `spec.externalIPs is ignored when spec.clusterIP is set to "None"`)
	warn(headless && s.Spec.SessionAffinity != corev1.ServiceAffinityNone, "spec.SessionAffinity is ignored for headless services")
	for i, ip := range s.Spec.ExternalIPs {
		out = append(out, validation.GetWarningsForIP(spec.Child("externalIPs").Index(i), ip)...)
	}
	if s.Spec.LoadBalancerIP != "" && len(validation.IsValidIPForLegacyField(nil, s.Spec.LoadBalancerIP, false, nil)) == 0 {
		out = append(out, validation.GetWarningsForIP(spec.Child("loadBalancerIP"), s.Spec.LoadBalancerIP)...)
	}
	for i, r := range s.Spec.LoadBalancerSourceRanges {
		out = append(out, validation.GetWarningsForCIDR(spec.Child("loadBalancerSourceRanges").Index(i), r)...)
	}
	warn(s.Spec.Type == corev1.ServiceTypeExternalName && len(s.Spec.ExternalIPs) > 0,
		fmt.Sprintf("spec.externalIPs is ignored when spec.type is %q", corev1.ServiceTypeExternalName))
	return out
}

// Endpoints warns of addresses in odd spellings.
func Endpoints(e, _ *corev1.Endpoints) (out []string) {
	for i := range e.Subsets {
		at := field.NewPath("subsets").Index(i)
		for j, a := range e.Subsets[i].Addresses {
			out = append(out, validation.GetWarningsForIP(at.Child("addresses").Index(j).Child("ip"), a.IP)...)
		}
		for j, a := range e.Subsets[i].NotReadyAddresses {
			out = append(out, validation.GetWarningsForIP(at.Child("notReadyAddresses").Index(j).Child("ip"), a.IP)...)
		}
	}
	return out
}
