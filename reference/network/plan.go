// Package network joins the nodes of a cluster and the machine they run on: addresses, links,
// routes, and the CNI configuration of each node.
//
// Each cluster has a fabric: a network namespace that holds nothing but a bridge. The nodes hang on
// it, and so does the machine, by one link. The bridge is not in the machine's own namespace, so
// frames between nodes never meet the machine's iptables, whatever others (Docker's FORWARD DROP with
// br_netfilter, a firewall) have put there, and we need not touch them.
package network

import (
	"fmt"
	"net/netip"
)

const (
	// MaxClusters is how many clusters have addresses of their own on one machine.
	MaxClusters = 12
	// MaxNodes is how many nodes have addresses of their own in one cluster.
	MaxNodes = 200

	firstNodeAddress = 10
	firstPodNet      = 244
)

// Services is the range of service addresses. It exists inside nodes only, so all clusters use the same one.
var Services = netip.MustParsePrefix("10.96.0.0/12")

var (
	// APIService is the address of the Service default/kubernetes.
	APIService = netip.MustParseAddr("10.96.0.1")
	// DNSService is the address of the cluster's DNS.
	DNSService = netip.MustParseAddr("10.96.0.10")
)

// Plan has the addresses of one cluster; they follow from its name and its index among the machine's clusters.
type Plan struct {
	Cluster string
	Index   int
}

// Link is the machine's interface on the cluster's network.
func (p Plan) Link() string { return fmt.Sprintf("etalon%d", p.Index) }

// Fabric names the namespace of the bridge, as `ip netns` knows it.
func (p Plan) Fabric() string { return "etalon-" + p.Cluster }

// Network is the network that the machine and the nodes share.
func (p Plan) Network() netip.Prefix { return p.Machine().Masked() }

// Machine is the machine's own address on it, with the length of the prefix.
func (p Plan) Machine() netip.Prefix { return netip.PrefixFrom(p.host(1), 24) }

// Node is the address of node n, counted from 1.
func (p Plan) Node(n int) netip.Prefix { return netip.PrefixFrom(p.host(firstNodeAddress+n), 24) }

// Pods is the range of all pods' addresses.
func (p Plan) Pods() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(firstPodNet + p.Index), 0, 0}), 16)
}

// NodePods is the range of addresses of the pods on node n.
func (p Plan) NodePods(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(firstPodNet + p.Index), byte(n), 0}), 24)
}

func (p Plan) host(h int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 89, byte(p.Index), byte(h)})
}
