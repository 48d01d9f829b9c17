package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// UDP has no end of a connection that the kernel could see: as long as a client keeps sending, its
// flow stays with the endpoint that it was first given, even one that is gone, or with none. So
// whenever the endpoints of a UDP port change, flows that lead astray are forgotten.

// frontend is where UDP clients send to. A node port has no address: it answers on all of the node.
type frontend struct {
	ip   netip.Addr
	port uint16
}

// staleFlows picks the flows to forget: for each frontend, the endpoints that may have flows.
type staleFlows map[frontend]map[netip.AddrPort]bool

// add notes the frontends of a UDP port. Those of before that are not among now keep no flow.
func (s staleFlows) add(before, now []plan.Port) {
	for _, p := range before {
		s.allow(p, nil)
	}
	for _, p := range now {
		s.allow(p, p.Cluster)
		s.allow(p, p.Local)
	}
}

func (s staleFlows) allow(p plan.Port, endpoints []plan.Endpoint) {
	if p.Protocol != corev1.ProtocolUDP {
		return
	}
	fronts := []frontend{{p.ClusterIP, p.Port}}
	for _, ips := range [][]netip.Addr{p.ExternalIPs, p.LoadBalancerIPs} {
		for _, ip := range ips {
			fronts = append(fronts, frontend{ip, p.Port})
		}
	}
	if p.NodePort != 0 {
		fronts = append(fronts, frontend{port: p.NodePort})
	}
	for _, f := range fronts {
		allowed := s[f]
		if allowed == nil {
			allowed = map[netip.AddrPort]bool{}
			s[f] = allowed
		}
		for _, e := range endpoints {
			allowed[e.Addr] = true
		}
	}
}

// MatchConntrackFlow tells whether a flow goes to one of the frontends but ends at none of its
// endpoints: at one that left, or at the frontend itself because it had none.
func (s staleFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	to, end := address(flow.Forward.DstIP, flow.Forward.DstPort), address(flow.Reverse.SrcIP, flow.Reverse.SrcPort)
	for _, f := range []frontend{{to.Addr(), to.Port()}, {port: to.Port()}} {
		if allowed, ours := s[f]; ours {
			return !allowed[end]
		}
	}
	return false
}

func address(ip net.IP, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// forgetTries is how often the table of connections is read until no change comes between.
const forgetTries = 10

// forget removes the stale flows from the kernel.
func (s staleFlows) forget() error {
	if len(s) == 0 {
		return nil
	}
	var err error
	for range forgetTries {
		// The table changes all the time, and the kernel says so if it did while it was read.
		if _, err = netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, s); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("conntrack: %w", err)
	}
	return nil
}
