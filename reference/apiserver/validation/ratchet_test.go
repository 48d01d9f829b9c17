package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const leadingZeros = "must not have leading 0s"

// TestOldAddressesStay: forms of addresses that were accepted once stay where they are, and are refused elsewhere.
func TestOldAddressesStay(t *testing.T) {
	updates(t, `{metadata: {name: s, namespace: ns}, spec: {type: LoadBalancer, clusterIP: 010.96.0.9, externalIPs: [010.1.1.1], loadBalancerSourceRanges: [010.0.0.0/8], ports: [{port: 80}]}}`,
		validation.ServiceUpdate, []row[corev1.Service]{
			{"another external", func(s *corev1.Service) { s.Spec.ExternalIPs = []string{"010.1.1.2"} },
				`spec.externalIPs[0]: Invalid value: "010.1.1.2": ` + leadingZeros},
			{"another range", func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"010.0.0.0/8", "011.0.0.0/8"} },
				`spec.loadBalancerSourceRanges[1]: Invalid value: "011.0.0.0/8": ` + leadingZeros + ` in IP or prefix length`},
		})
	updates(t, `{metadata: {name: s, namespace: ns}, spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 010.1.1.1}]}}}`,
		validation.ServiceStatusUpdate, []row[corev1.Service]{
			{"another", func(s *corev1.Service) { s.Status.LoadBalancer.Ingress[0].IP = "010.1.1.2" },
				`status.loadBalancer.ingress[0].ip: Invalid value: "010.1.1.2": ` + leadingZeros},
		})
	updates(t, `{metadata: {name: i, namespace: ns}, status: {loadBalancer: {ingress: [{ip: 010.1.1.1}]}}}`,
		validation.IngressStatusUpdate, []row[networkingv1.Ingress]{
			{"another", func(i *networkingv1.Ingress) { i.Status.LoadBalancer.Ingress[0].IP = "010.1.1.2" },
				`status.loadBalancer.ingress[0].ip: Invalid value: "010.1.1.2": ` + leadingZeros},
		})
	updates(t, `{metadata: {name: e, namespace: ns}, subsets: [{addresses: [{ip: 010.1.1.1}, {ip: 127.0.0.1}], ports: [{port: 80}]}]}`,
		validation.EndpointsUpdate, []row[corev1.Endpoints]{
			{"labels", func(e *corev1.Endpoints) { e.Labels = map[string]string{"a": "b"} }, ``},
			{"moved", func(e *corev1.Endpoints) {
				e.Subsets[0].NotReadyAddresses, e.Subsets[0].Addresses = e.Subsets[0].Addresses[:1], nil
			}, ``},
			{"changed", func(e *corev1.Endpoints) { e.Subsets[0].Ports[0].Port = 81 },
				`subsets[0].addresses[1].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
			{"another", func(e *corev1.Endpoints) { e.Subsets[0].Addresses = []corev1.EndpointAddress{{IP: "010.1.1.2"}} },
				`subsets[0].addresses[0].ip: Invalid value: "010.1.1.2": ` + leadingZeros},
		})
	updates(t, `{metadata: {name: e, namespace: ns}, addressType: IPv4, endpoints: [{addresses: [010.1.1.1]}]}`,
		validation.EndpointSliceUpdate, []row[discoveryv1.EndpointSlice]{
			{"more", func(s *discoveryv1.EndpointSlice) {
				s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"010.1.1.1"}}, discoveryv1.Endpoint{Addresses: []string{"010.1.1.2"}})
			}, `endpoints[2].addresses[0]: Invalid value: "010.1.1.2": ` + leadingZeros},
		})
	updates(t, `{metadata: {name: n, namespace: ns}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8, except: [010.1.0.0/16]}}]}], egress: [{to: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}}`,
		validation.NetworkPolicyUpdate, []row[networkingv1.NetworkPolicy]{
			{"another", func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].From[0].IPBlock.CIDR = "010.0.0.0/7" },
				`spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "010.0.0.0/7": ` + leadingZeros + ` in IP or prefix length`},
		})
}
