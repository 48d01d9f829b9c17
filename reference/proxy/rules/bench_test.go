package rules

import (
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// BenchmarkOneEndpoint is what it costs to work out the change of one endpoint among 5,000
// Services of 10 endpoints each, all but that Service being rendered already.
func BenchmarkOneEndpoint(b *testing.B) {
	const services = 5000
	of := func(i, endpoints int) plan.Port {
		p := plan.Port{Name: plan.PortName{Namespace: "default", Service: fmt.Sprint("s", i)}, Protocol: corev1.ProtocolTCP,
			ClusterIP: netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)}), Port: 80}
		for e := range endpoints {
			p.Cluster = append(p.Cluster, plan.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 244, byte(e), byte(i)}), uint16(1024+i))})
		}
		return p
	}
	fragments := make([]*Fragment, services)
	for i := range fragments {
		fragments[i] = config.Service(of(i, 10))
	}
	have := config.Assemble(fragments)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		fragments[7] = config.Service(of(7, 9+n%2))
		want := config.Assemble(fragments)
		Delta(have, want)
		have = want
	}
}
