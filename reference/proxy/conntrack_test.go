package proxy

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

func TestStaleFlows(t *testing.T) {
	a := plan.Endpoint{Addr: netip.MustParseAddrPort("10.244.1.2:53")}
	b := plan.Endpoint{Addr: netip.MustParseAddrPort("10.244.1.3:53")}
	dns := port("dns", corev1.ProtocolUDP, "10.96.0.10", 53, b)
	dns.NodePort = 30053
	before := dns
	before.Cluster = []plan.Endpoint{a, b}
	gone := port("gone", corev1.ProtocolUDP, "10.96.0.11", 53, a)
	web := port("web", corev1.ProtocolTCP, "10.96.0.12", 80, a)
	s := staleFlows{}
	s.add([]plan.Port{before, gone, web}, []plan.Port{dns, web})

	for name, c := range map[string]struct {
		proto   uint8
		to, end string
		want    bool
	}{
		"endpoint that stays":            {unix.IPPROTO_UDP, "10.96.0.10:53", "10.244.1.3:53", false},
		"endpoint that left":             {unix.IPPROTO_UDP, "10.96.0.10:53", "10.244.1.2:53", true},
		"had no endpoint":                {unix.IPPROTO_UDP, "10.96.0.10:53", "10.96.0.10:53", true},
		"node port, endpoint that stays": {unix.IPPROTO_UDP, "192.0.2.1:30053", "10.244.1.3:53", false},
		"node port, endpoint that left":  {unix.IPPROTO_UDP, "192.0.2.1:30053", "10.244.1.2:53", true},
		"service that is gone":           {unix.IPPROTO_UDP, "10.96.0.11:53", "10.244.1.2:53", true},
		"another port":                   {unix.IPPROTO_UDP, "10.96.0.10:54", "10.244.1.2:53", false},
		"straight to a pod":              {unix.IPPROTO_UDP, "10.244.1.2:53", "10.244.1.2:53", false},
		"TCP":                            {unix.IPPROTO_TCP, "10.96.0.12:80", "10.244.9.9:80", false},
	} {
		t.Run(name, func(t *testing.T) {
			flow := &netlink.ConntrackFlow{}
			flow.Forward.Protocol = c.proto
			flow.Forward.DstIP, flow.Forward.DstPort = split(c.to)
			flow.Reverse.SrcIP, flow.Reverse.SrcPort = split(c.end)
			if got := s.MatchConntrackFlow(flow); got != c.want {
				t.Errorf("stale = %v, want %v", got, c.want)
			}
		})
	}
}

func split(s string) (net.IP, uint16) {
	a := netip.MustParseAddrPort(s)
	return net.IP(a.Addr().AsSlice()), a.Port()
}

func TestNoUDPNoFlows(t *testing.T) {
	s := staleFlows{}
	s.add(nil, []plan.Port{port("web", corev1.ProtocolTCP, "10.96.0.12", 80)})
	if len(s) != 0 {
		t.Errorf("TCP alone has conntrack looked through: %v", s)
	}
}
