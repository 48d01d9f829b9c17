package servicecidrs

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
)

// orphans tells whether any of the addresses would be of no range if cidr went: it is of cidr, and of
// none of the others that stay.
func orphans(cidr *networkingv1.ServiceCIDR, others []*networkingv1.ServiceCIDR, addresses []*networkingv1.IPAddress) bool {
	for _, address := range addresses {
		addr, err := netip.ParseAddr(address.Name)
		if err != nil || !contains(cidr, addr) {
			continue
		}
		covered := false
		for _, other := range others {
			covered = covered || other.Name != cidr.Name && other.DeletionTimestamp == nil && contains(other, addr)
		}
		if !covered {
			return true
		}
	}
	return false
}

func contains(cidr *networkingv1.ServiceCIDR, addr netip.Addr) bool {
	for _, prefix := range prefixes(cidr) {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func overlap(a, b *networkingv1.ServiceCIDR) bool {
	for _, p := range prefixes(a) {
		for _, q := range prefixes(b) {
			if p.Overlaps(q) {
				return true
			}
		}
	}
	return false
}

func prefixes(cidr *networkingv1.ServiceCIDR) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range cidr.Spec.CIDRs {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}
