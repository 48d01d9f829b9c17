package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// The questions below are about a Service's type: which of its numbers it needs.

func needsClusterIP(s *corev1.Service) bool {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		return true
	default:
		return false
	}
}

// mayHaveNodePorts is true also of load balancers that want none by themselves.
func mayHaveNodePorts(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer
}

func needsNodePorts(s *corev1.Service) bool {
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		return s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts
	}
	return s.Spec.Type == corev1.ServiceTypeNodePort
}

func needsHealthCheckPort(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func needsExternalTrafficPolicy(s *corev1.Service) bool {
	return mayHaveNodePorts(s) || s.Spec.Type == corev1.ServiceTypeClusterIP && len(s.Spec.ExternalIPs) > 0
}

func isLoadBalancer(s *corev1.Service) bool { return s.Spec.Type == corev1.ServiceTypeLoadBalancer }

func isHeadless(s *corev1.Service) bool { return s.Spec.ClusterIP == corev1.ClusterIPNone }

// normalizeClusterIPs keeps clusterIP and clusterIPs[0] in step for clients that know one of them.
// old is nil when s is new.
func normalizeClusterIPs(s, old *corev1.Service) {
	if old == nil {
		if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
			s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
		}
		return
	}
	if s.Spec.ClusterIP == old.Spec.ClusterIP || !slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
		return // nothing changed, or validation compares the two
	}
	if s.Spec.ClusterIP == "" {
		s.Spec.ClusterIPs = nil
	} else {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
}

// keepAllocated copies the numbers that a client left out of an update, so that a manifest that does
// not mention them can be applied again and again.
func keepAllocated(s, old *corev1.Service) {
	if needsClusterIP(s) && needsClusterIP(old) {
		if s.Spec.ClusterIP == "" {
			s.Spec.ClusterIP = old.Spec.ClusterIP
		}
		if len(s.Spec.ClusterIPs) == 0 && s.Spec.ClusterIP == old.Spec.ClusterIP {
			s.Spec.ClusterIPs = old.Spec.ClusterIPs
		}
		if len(s.Spec.IPFamilies) == 0 {
			s.Spec.IPFamilies = old.Spec.IPFamilies
		}
		if s.Spec.IPFamilyPolicy == nil {
			s.Spec.IPFamilyPolicy = old.Spec.IPFamilyPolicy
		}
	}
	if needsNodePorts(s) && needsNodePorts(old) {
		keepNodePorts(s, old)
	}
	if needsHealthCheckPort(s) && needsHealthCheckPort(old) && s.Spec.HealthCheckNodePort == 0 {
		s.Spec.HealthCheckNodePort = old.Spec.HealthCheckNodePort
	}
}

func keepNodePorts(s, old *corev1.Service) {
	type id struct {
		protocol corev1.Protocol
		port     int32
	}
	was, used := map[id]int32{}, map[int32]bool{}
	for _, p := range old.Spec.Ports {
		was[id{p.Protocol, p.Port}] = p.NodePort
	}
	for _, p := range s.Spec.Ports {
		used[p.NodePort] = true
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if n := was[id{p.Protocol, p.Port}]; p.NodePort == 0 && n != 0 && !used[n] {
			p.NodePort = n
		}
	}
}

// dropUnneeded clears what the new type of a Service has no use for, where the client left it as it
// was. A field that the client set stays, for validation to refuse.
func dropUnneeded(s, old *corev1.Service) {
	if needsClusterIP(old) && !needsClusterIP(s) {
		if s.Spec.ClusterIP == old.Spec.ClusterIP && slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
			s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil
		}
		if slices.Equal(s.Spec.IPFamilies, old.Spec.IPFamilies) {
			s.Spec.IPFamilies = nil
		}
		dropSame(&s.Spec.IPFamilyPolicy, old.Spec.IPFamilyPolicy)
		dropSame(&s.Spec.InternalTrafficPolicy, old.Spec.InternalTrafficPolicy)
	}
	if needsNodePorts(old) && !needsNodePorts(s) && sameNodePorts(s, old) {
		for i := range s.Spec.Ports {
			s.Spec.Ports[i].NodePort = 0
		}
	}
	if needsHealthCheckPort(old) && !needsHealthCheckPort(s) && s.Spec.HealthCheckNodePort == old.Spec.HealthCheckNodePort {
		s.Spec.HealthCheckNodePort = 0
	}
	if needsExternalTrafficPolicy(old) && !needsExternalTrafficPolicy(s) && s.Spec.ExternalTrafficPolicy == old.Spec.ExternalTrafficPolicy {
		s.Spec.ExternalTrafficPolicy = ""
	}
	if isLoadBalancer(old) && !isLoadBalancer(s) {
		dropSame(&s.Spec.AllocateLoadBalancerNodePorts, old.Spec.AllocateLoadBalancerNodePorts)
		dropSame(&s.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass)
	}
	if old.Spec.Type == corev1.ServiceTypeExternalName && s.Spec.Type != corev1.ServiceTypeExternalName && s.Spec.ExternalName == old.Spec.ExternalName {
		s.Spec.ExternalName = ""
	}
}

// dropSame clears p where it says what old says.
func dropSame[T comparable](p **T, old *T) {
	if *p != nil && old != nil && **p == *old {
		*p = nil
	}
}

func sameNodePorts(s, old *corev1.Service) bool {
	ports := func(s *corev1.Service) map[int32]bool {
		set := map[int32]bool{}
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				set[p.NodePort] = true
			}
		}
		return set
	}
	a, b := ports(s), ports(old)
	for n := range a {
		if !b[n] {
			return false
		}
	}
	return len(a) == len(b)
}
