package nodeipam

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds the options under their documented names.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Allocate, "allocate-node-cidrs", false, "give each node that has none a range of --cluster-cidr for its pods")
	flags.Var((*networks)(&o.Cluster), "cluster-cidr", "the network of all pods, or one of each family, separated by a comma")
	flags.Var((*networks)(&o.Service), "service-cluster-ip-range", "the networks of Services, of which nodes get nothing")
	flags.Var(both{o}, "node-cidr-mask-size", fmt.Sprintf("length of the prefix of nodes' ranges (default %d for IPv4, %d for IPv6)", DefaultMaskIPv4, DefaultMaskIPv6))
	flags.IntVar(&o.MaskIPv4, "node-cidr-mask-size-ipv4", DefaultMaskIPv4, "length of the prefix of nodes' IPv4 ranges")
	flags.IntVar(&o.MaskIPv6, "node-cidr-mask-size-ipv6", DefaultMaskIPv6, "length of the prefix of nodes' IPv6 ranges")
}

// networks is a flag that lists networks.
type networks []netip.Prefix

// String is the list as it would be given.
func (n *networks) String() string {
	var items []string
	for _, network := range *n {
		items = append(items, network.String())
	}
	return strings.Join(items, ",")
}

// Set replaces the list.
func (n *networks) Set(list string) (err error) {
	*n, err = ParseNetworks(list)
	return err
}

// Type is what help calls the value.
func (*networks) Type() string { return "networks" }

// both is a flag that sets the prefix length of either family.
type both struct{ o *Options }

// String is empty: the families' own flags have the values.
func (b both) String() string { return "" }

// Set sets both lengths.
func (b both) Set(value string) error {
	mask, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("want a number: %w", err)
	}
	b.o.MaskIPv4, b.o.MaskIPv6 = mask, mask
	return nil
}

// Type is what help calls the value.
func (both) Type() string { return "int" }

// ParseNetworks parses a list of networks that are separated by commas.
func ParseNetworks(list string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		network, err := netip.ParsePrefix(item)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
