package defaults

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerNetworking(s *runtime.Scheme) {
	addWithList(s, setNetworkPolicy, func(l *networkingv1.NetworkPolicyList) []networkingv1.NetworkPolicy { return l.Items })
	addWithList(s, setIngressClass, func(l *networkingv1.IngressClassList) []networkingv1.IngressClass { return l.Items })
}

func registerDiscovery(s *runtime.Scheme) {
	addWithList(s, setEndpointSlice, func(l *discoveryv1.EndpointSliceList) []discoveryv1.EndpointSlice { return l.Items })
}

// setNetworkPolicy always isolates ingress, and egress only if the policy has egress rules.
func setNetworkPolicy(p *networkingv1.NetworkPolicy) {
	for i := range p.Spec.Ingress {
		each(p.Spec.Ingress[i].Ports, setNetworkPolicyPort)
	}
	for i := range p.Spec.Egress {
		each(p.Spec.Egress[i].Ports, setNetworkPolicyPort)
	}
	if len(p.Spec.PolicyTypes) == 0 {
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(p.Spec.Egress) > 0 {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

func setNetworkPolicyPort(p *networkingv1.NetworkPolicyPort) {
	orPointTo(&p.Protocol, corev1.ProtocolTCP)
}

func setIngressClass(c *networkingv1.IngressClass) {
	if p := c.Spec.Parameters; p != nil {
		orPointTo(&p.Scope, networkingv1.IngressClassParametersReferenceScopeCluster)
	}
}

func setEndpointSlice(s *discoveryv1.EndpointSlice) {
	each(s.Ports, func(p *discoveryv1.EndpointPort) {
		orPointTo(&p.Name, "")
		orPointTo(&p.Protocol, corev1.ProtocolTCP)
	})
}
