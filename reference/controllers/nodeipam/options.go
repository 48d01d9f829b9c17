package nodeipam

import (
	"fmt"
	"net/netip"
)

// The size of a node's range unless something else is said.
const (
	DefaultMaskIPv4 = 24
	DefaultMaskIPv6 = 64
)

// mostBits is how many ranges a network is divided into at most, as a power of
// two. More nodes than that no cluster has.
const mostBits = 16

// Options say what to give to nodes.
type Options struct {
	// Allocate says that nodes are given ranges at all.
	Allocate bool
	// Cluster are the networks of all pods: one, or one of each family.
	Cluster []netip.Prefix
	// Service are the networks of Services, of which no node gets a part.
	Service []netip.Prefix
	// MaskIPv4 and MaskIPv6 are the lengths of the prefixes of nodes' ranges.
	MaskIPv4, MaskIPv6 int
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	if !o.Allocate {
		return nil
	}
	if len(o.Cluster) == 0 || len(o.Cluster) > 2 {
		return fmt.Errorf("a cluster has a network for pods, or one of each family, not %d", len(o.Cluster))
	}
	if len(o.Cluster) == 2 && o.Cluster[0].Addr().Is4() == o.Cluster[1].Addr().Is4() {
		return fmt.Errorf("the networks %s and %s are of one family", o.Cluster[0], o.Cluster[1])
	}
	for _, network := range o.Cluster {
		mask := o.mask(network)
		switch {
		case mask < network.Bits() || mask > network.Addr().BitLen():
			return fmt.Errorf("a range of /%d is not a part of %s", mask, network)
		case mask-network.Bits() > mostBits:
			return fmt.Errorf("%s would be divided into too many ranges of /%d; at most 2^%d can be", network, mask, mostBits)
		}
	}
	return nil
}

func (o Options) mask(network netip.Prefix) int {
	switch {
	case network.Addr().Is4() && o.MaskIPv4 != 0:
		return o.MaskIPv4
	case network.Addr().Is4():
		return DefaultMaskIPv4
	case o.MaskIPv6 != 0:
		return o.MaskIPv6
	}
	return DefaultMaskIPv6
}
