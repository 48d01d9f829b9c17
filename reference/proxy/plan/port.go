// Package plan decides where the traffic of a Service goes: which addresses and ports it answers
// on and which endpoints take it, as this node has to see it. It knows nothing of how that is
// put into the kernel.
package plan

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// PortName names one port of one Service, cluster-wide.
type PortName struct{ Namespace, Service, Port string }

// String is the well-known form ns/service:port; without :port if the port has no name.
func (n PortName) String() string {
	s := n.Namespace + "/" + n.Service
	if n.Port != "" {
		s += ":" + n.Port
	}
	return s
}

// Endpoint takes connections of a Service.
type Endpoint struct {
	Addr netip.AddrPort
	// Local says that it runs on this node.
	Local bool
}

// Port is one port of a Service with all that it takes to serve it.
type Port struct {
	Name     PortName
	Protocol corev1.Protocol

	// ClusterIP with Port is where clients inside the cluster connect.
	ClusterIP netip.Addr
	Port      uint16
	// NodePort is the port on every address of every node; 0 for none.
	NodePort uint16
	// ExternalIPs and LoadBalancerIPs are further addresses that answer on Port.
	ExternalIPs, LoadBalancerIPs []netip.Addr
	// SourceRanges, if any, are the only clients that a load balancer address answers.
	SourceRanges []netip.Prefix

	// AffinitySeconds is for how long a client stays with its endpoint; 0 if it need not.
	AffinitySeconds int32
	// InternalLocal and ExternalLocal keep traffic from inside and from outside on this node
	// (internalTrafficPolicy, externalTrafficPolicy: Local).
	InternalLocal, ExternalLocal bool

	// Cluster are the endpoints to use where any node will do; Local those for local traffic.
	// Both are ready ones, or, while there is none, terminating ones that still serve (KEP-1669).
	Cluster, Local []Endpoint
}

// External tells whether the port answers on anything but its cluster IP.
func (p *Port) External() bool {
	return p.NodePort != 0 || len(p.ExternalIPs) > 0 || len(p.LoadBalancerIPs) > 0
}
