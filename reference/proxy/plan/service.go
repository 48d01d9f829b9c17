package plan

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

// Ports plans all ports of a Service as the given node has to serve them. Services without a
// cluster IP (headless, ExternalName) have none. Addresses of the wrong family or that do not
// parse are left out. The result is sorted and depends on nothing but the arguments.
func Ports(svc *corev1.Service, endpointSlices []*discoveryv1.EndpointSlice, node string) []Port {
	clusterIP := clusterIPv4(svc)
	if !clusterIP.IsValid() {
		return nil
	}
	var ports []Port
	for i := range svc.Spec.Ports {
		sp := &svc.Spec.Ports[i]
		p := Port{
			Name:            PortName{svc.Namespace, svc.Name, sp.Name},
			Protocol:        protocol(sp.Protocol),
			ClusterIP:       clusterIP,
			Port:            uint16(sp.Port),
			NodePort:        uint16(sp.NodePort),
			ExternalIPs:     ipv4(svc.Spec.ExternalIPs),
			LoadBalancerIPs: loadBalancerIPs(svc),
			SourceRanges:    ranges(svc.Spec.LoadBalancerSourceRanges),
			AffinitySeconds: affinity(svc),
			InternalLocal:   ptr.Deref(svc.Spec.InternalTrafficPolicy, "") == corev1.ServiceInternalTrafficPolicyLocal,
			ExternalLocal:   svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		}
		p.Cluster, p.Local = endpoints(endpointSlices, p.Name.Port, p.Protocol, node)
		ports = append(ports, p)
	}
	return ports
}

// clusterIPv4 is the Service's virtual IPv4 address; invalid if it has none.
func clusterIPv4(svc *corev1.Service) netip.Addr {
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return netip.Addr{}
	}
	candidates := svc.Spec.ClusterIPs
	if len(candidates) == 0 {
		candidates = []string{svc.Spec.ClusterIP}
	}
	if ips := ipv4(candidates); len(ips) > 0 {
		return ips[0]
	}
	return netip.Addr{}
}

func loadBalancerIPs(svc *corev1.Service) []netip.Addr {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	var ips []string
	for _, in := range svc.Status.LoadBalancer.Ingress {
		// An address in mode Proxy is to be reached through the load balancer, even from here.
		if ptr.Deref(in.IPMode, corev1.LoadBalancerIPModeVIP) == corev1.LoadBalancerIPModeVIP {
			ips = append(ips, in.IP)
		}
	}
	return ipv4(ips)
}

func affinity(svc *corev1.Service) int32 {
	if svc.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
		return *c.ClientIP.TimeoutSeconds
	}
	return corev1.DefaultClientIPServiceAffinitySeconds
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// ipv4 parses what is an IPv4 address, sorted and without repetition.
func ipv4(texts []string) []netip.Addr {
	var ips []netip.Addr
	for _, t := range texts {
		if ip, err := netip.ParseAddr(t); err == nil && ip.Is4() {
			ips = append(ips, ip)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	return slices.Compact(ips)
}

func ranges(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil && p.Addr().Is4() {
			out = append(out, p.Masked())
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}
