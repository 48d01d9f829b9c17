package core

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// numbers are the cluster IPs and node ports of one Service.
type numbers struct {
	addresses []netip.Addr
	ports     []int
}

// numbersOf reads the numbers that a stored Service holds.
func numbersOf(s *corev1.Service) numbers {
	var n numbers
	if needsClusterIP(s) {
		for _, ip := range s.Spec.ClusterIPs {
			if addr, err := netip.ParseAddr(ip); err == nil {
				n.addresses = append(n.addresses, addr)
			}
		}
	}
	if mayHaveNodePorts(s) {
		for _, p := range s.Spec.Ports {
			n.addPort(int(p.NodePort))
		}
		n.addPort(int(s.Spec.HealthCheckNodePort))
	}
	return n
}

// addPort adds port unless it is 0 or there: ports of two protocols may share a node port.
func (n *numbers) addPort(port int) {
	if port != 0 && !n.hasPort(port) {
		n.ports = append(n.ports, port)
	}
}

func (n *numbers) hasPort(port int) bool           { return slices.Contains(n.ports, port) }
func (n *numbers) hasAddress(addr netip.Addr) bool { return slices.Contains(n.addresses, addr) }

// minus returns the numbers of n that m lacks.
func (n *numbers) minus(m numbers) numbers {
	var out numbers
	for _, a := range n.addresses {
		if !m.hasAddress(a) {
			out.addresses = append(out.addresses, a)
		}
	}
	for _, p := range n.ports {
		if !m.hasPort(p) {
			out.ports = append(out.ports, p)
		}
	}
	return out
}
