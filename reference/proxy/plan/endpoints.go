package plan

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

// endpoints collects what the slices of a Service say of one of its ports.
func endpoints(all []*discoveryv1.EndpointSlice, port string, protocol corev1.Protocol, node string) (cluster, local []Endpoint) {
	ready, serving := map[netip.AddrPort]bool{}, map[netip.AddrPort]bool{} // to: is it local
	for _, s := range all {
		if s.AddressType != discoveryv1.AddressTypeIPv4 {
			continue
		}
		number, ok := portNumber(s, port, protocol)
		if !ok {
			continue
		}
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if len(e.Addresses) == 0 {
				continue
			}
			// All addresses of one endpoint are the same; consumers use the first (API reference).
			ip, err := netip.ParseAddr(e.Addresses[0])
			if err != nil || !ip.Is4() {
				continue
			}
			addr := netip.AddrPortFrom(ip, number)
			isLocal := node != "" && ptr.Deref(e.NodeName, "") == node
			isReady := ptr.Deref(e.Conditions.Ready, true)
			switch {
			case isReady:
				ready[addr] = ready[addr] || isLocal
			case ptr.Deref(e.Conditions.Serving, false) && ptr.Deref(e.Conditions.Terminating, false):
				serving[addr] = serving[addr] || isLocal
			}
		}
	}
	cluster = list(ready, false)
	if len(cluster) == 0 {
		cluster = list(serving, false)
	}
	local = list(ready, true)
	if len(local) == 0 {
		local = list(serving, true)
	}
	return cluster, local
}

// portNumber finds the port that a slice gives a name; a port without a number stands for all
// ports and cannot be forwarded to.
func portNumber(s *discoveryv1.EndpointSlice, name string, p corev1.Protocol) (uint16, bool) {
	for _, port := range s.Ports {
		if ptr.Deref(port.Name, "") == name && ptr.Deref(port.Protocol, corev1.ProtocolTCP) == p && port.Port != nil {
			return uint16(*port.Port), true
		}
	}
	return 0, false
}

// list sorts endpoints by address.
func list(of map[netip.AddrPort]bool, localOnly bool) []Endpoint {
	var out []Endpoint
	for addr, isLocal := range of {
		if isLocal || !localOnly {
			out = append(out, Endpoint{Addr: addr, Local: isLocal})
		}
	}
	slices.SortFunc(out, func(a, b Endpoint) int { return a.Addr.Compare(b.Addr) })
	return out
}
