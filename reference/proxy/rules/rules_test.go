package rules

import (
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	config  = Config{ClusterCIDR: netip.MustParsePrefix("10.244.0.0/16"), RandomFully: true, Localhost: true}
	nodeIP  = netip.MustParseAddr("10.89.0.11")
	pod     = netip.MustParseAddr("10.244.1.2")
	outside = netip.MustParseAddr("203.0.113.7")
	vip     = netip.MustParseAddr("10.96.0.10")
	lbIP    = netip.MustParseAddr("192.0.2.5")
)

// Names that every cluster has, as its users see them in iptables-save.
func TestWellKnownNames(t *testing.T) {
	for want, p := range map[string]plan.Port{
		"KUBE-SVC-NPX46M4PTMTKRN6Y": {Name: plan.PortName{Namespace: "default", Service: "kubernetes", Port: "https"}, Protocol: corev1.ProtocolTCP},
		"KUBE-SVC-TCOU7JCQXEZGVUNU": {Name: plan.PortName{Namespace: "kube-system", Service: "kube-dns", Port: "dns"}, Protocol: corev1.ProtocolUDP},
		"KUBE-SVC-ERIFXISQEP7F7OF4": {Name: plan.PortName{Namespace: "kube-system", Service: "kube-dns", Port: "dns-tcp"}, Protocol: corev1.ProtocolTCP},
		"KUBE-SVC-JD5MR3NA4I4DYORP": {Name: plan.PortName{Namespace: "kube-system", Service: "kube-dns", Port: "metrics"}, Protocol: corev1.ProtocolTCP},
	} {
		if got := portChain(prefixService, &p).Name; got != want {
			t.Errorf("%s: got %s, want %s", p.Name, got, want)
		}
	}
}

func TestProbability(t *testing.T) {
	for n, want := range map[int]string{2: "0.50000000000", 3: "0.33333333349", 4: "0.25000000000", 7: "0.14285714272"} {
		if got := probability(n); got != want {
			t.Errorf("1/%d: got %s, want %s", n, got, want)
		}
	}
}

func TestGolden(t *testing.T) {
	web := plan.Port{
		Name: plan.PortName{Namespace: "default", Service: "web", Port: "http"}, Protocol: corev1.ProtocolTCP,
		ClusterIP: vip, Port: 80, NodePort: 30080, AffinitySeconds: 10800, Cluster: endpoints(3),
	}
	local := plan.Port{
		Name: plan.PortName{Namespace: "default", Service: "game"}, Protocol: corev1.ProtocolUDP,
		ClusterIP: netip.MustParseAddr("10.96.0.11"), Port: 53, NodePort: 30053, LoadBalancerIPs: []netip.Addr{lbIP},
		SourceRanges:  []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		ExternalLocal: true, Cluster: endpoints(2), Local: endpoints(1),
	}
	empty := plan.Port{
		Name: plan.PortName{Namespace: "default", Service: "empty"}, Protocol: corev1.ProtocolTCP,
		ClusterIP: netip.MustParseAddr("10.96.0.12"), Port: 80, NodePort: 30081,
	}
	got := Delta(Empty(), Build(config, web, local, empty))
	const file = "testdata/all.rules"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", file, got)
	}
}

func endpoints(n int) []plan.Endpoint {
	var out []plan.Endpoint
	for i := range n {
		out = append(out, plan.Endpoint{Addr: netip.MustParseAddrPort(fmt.Sprintf("10.244.%d.%d:8080", 1+i%2, 2+i)), Local: i%2 == 0})
	}
	return out
}

// aPort draws a port of a Service with everything it may have; i keeps it apart from others.
func aPort(t *rapid.T, i int) plan.Port {
	p := plan.Port{
		Name:     plan.PortName{Namespace: "default", Service: fmt.Sprintf("s%d", i), Port: rapid.SampledFrom([]string{"", "http"}).Draw(t, "name")},
		Protocol: rapid.SampledFrom([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP}).Draw(t, "protocol"),
		// Addresses differ by Service, ports are those that a packet may be lost to.
		ClusterIP: netip.MustParseAddr(fmt.Sprintf("10.96.0.%d", 10+i)), Port: 80,
		InternalLocal: rapid.Bool().Draw(t, "internal local"), ExternalLocal: rapid.Bool().Draw(t, "external local"),
		Cluster: endpoints(rapid.IntRange(0, 6).Draw(t, "endpoints")),
	}
	for _, e := range p.Cluster {
		if e.Local {
			p.Local = append(p.Local, e)
		}
	}
	if rapid.Bool().Draw(t, "node port") {
		p.NodePort = uint16(30080 + i)
	}
	if rapid.Bool().Draw(t, "affinity") {
		p.AffinitySeconds = 10800
	}
	if rapid.Bool().Draw(t, "load balancer") {
		p.LoadBalancerIPs = []netip.Addr{netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", 10+i))}
		if rapid.Bool().Draw(t, "source ranges") {
			p.SourceRanges = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		}
	}
	return p
}

func ports(t *rapid.T) []plan.Port {
	out := make([]plan.Port, rapid.IntRange(1, 4).Draw(t, "services"))
	for i := range out {
		out[i] = aPort(t, i)
	}
	return out
}

// Whoever connects to whatever address of a Service reaches each endpoint that he should with
// the same probability, and nothing else.
func TestTrafficGoesWhereItShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := ports(t)
		sim := &simulator{t: t, rules: Build(config, all...), local: map[netip.Addr]bool{nodeIP: true, netip.MustParseAddr("127.0.0.1"): true}}
		p := rapid.SampledFrom(all).Draw(t, "port")
		src := rapid.SampledFrom([]netip.Addr{pod, outside, nodeIP}).Draw(t, "client")
		from := packet{src: src, proto: lower(p.Protocol), in: "PREROUTING"}
		if src == nodeIP {
			from.in = "OUTPUT"
		}
		to := func(ip netip.Addr, port uint16) map[outcome]float64 {
			pkt := from
			pkt.dst, pkt.dport = ip, port
			return sim.outcomes(pkt)
		}
		expect(t, "cluster IP", to(p.ClusterIP, p.Port), balanced(p, src, p.InternalLocal, src != pod))
		expect(t, "cluster IP, other port", to(p.ClusterIP, 81), map[outcome]float64{untouched(p.ClusterIP, 81): 1})
		local := p.ExternalLocal && src == outside
		masked := !p.ExternalLocal || src == nodeIP
		if p.NodePort != 0 {
			expect(t, "node port", to(nodeIP, p.NodePort), balanced(p, src, local, masked))
			expect(t, "node port elsewhere", to(outside, p.NodePort), map[outcome]float64{untouched(outside, p.NodePort): 1})
		}
		for _, ip := range p.LoadBalancerIPs {
			want := balanced(p, src, local, masked)
			switch {
			case len(p.Cluster) == 0 && src == nodeIP: // the node may have another way to the load balancer
				want = map[outcome]float64{untouched(ip, p.Port): 1}
			case len(p.Cluster) > 0 && len(p.SourceRanges) > 0 && src != outside:
				want = map[outcome]float64{{to: "DROP"}: 1}
			}
			expect(t, "load balancer", to(ip, p.Port), want)
		}
	})
}

func untouched(ip netip.Addr, port uint16) outcome {
	return outcome{to: netip.AddrPortFrom(ip, port).String()}
}

// balanced is what should become of a connection to a port.
func balanced(p plan.Port, src netip.Addr, local, masked bool) map[outcome]float64 {
	over := p.Cluster
	if local {
		over = p.Local
	}
	switch {
	case len(p.Cluster) == 0:
		return map[outcome]float64{{to: "REJECT"}: 1}
	case len(over) == 0:
		return map[outcome]float64{{to: "DROP"}: 1}
	}
	want := map[outcome]float64{}
	for _, e := range over {
		want[outcome{to: e.Addr.String(), masked: masked || src == e.Addr.Addr()}] = 1 / float64(len(over))
	}
	return want
}

func expect(t *rapid.T, what string, got, want map[outcome]float64) {
	t.Helper()
	for o, p := range got {
		if math.Abs(p-want[o]) > 1e-8 {
			t.Fatalf("%s: %v with probability %g, want %g (all: %v)", what, o, p, want[o], got)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestSessionAffinity(t *testing.T) {
	p := plan.Port{Name: plan.PortName{Namespace: "default", Service: "web"}, Protocol: corev1.ProtocolTCP, ClusterIP: vip, Port: 80, AffinitySeconds: 10, Cluster: endpoints(3)}
	sim := &simulator{t: t, rules: Build(config, p)}
	for _, e := range p.Cluster {
		got := sim.outcomes(packet{src: pod, dst: vip, proto: "tcp", dport: 80, in: "PREROUTING",
			remembered: map[string]bool{endpointChain(&p, e).Name: true}})
		want := outcome{to: e.Addr.String(), masked: e.Addr.Addr() == pod}
		if len(got) != 1 || got[want] != 1 {
			t.Errorf("client of %v: got %v", e.Addr, got)
		}
	}
}

// No name can become a rule.
func TestNamesCannotInject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := aPort(t, 0)
		lines := strings.Count(string(Delta(Empty(), Build(config, p))), "\n")
		p.Name = plan.PortName{Namespace: rapid.String().Draw(t, "namespace"), Service: rapid.String().Draw(t, "service"), Port: rapid.String().Draw(t, "port")}
		if p.Name.Port == "" {
			p.Name.Port = "x\"\n-A INPUT -j ACCEPT\n"
		}
		r := Build(config, p)
		text := Delta(Empty(), r)
		if got := strings.Count(string(text), "\n"); got != lines {
			t.Fatalf("%d lines, want %d:\n%q", got, lines, text)
		}
		for chain, list := range r.Chains {
			for _, rule := range list {
				if strings.Count(rule, `"`)%2 != 0 || strings.Count(rule, `"`) > 2 || strings.ContainsAny(rule, "\\\n") {
					t.Fatalf("%v: %q", chain, rule)
				}
			}
		}
	})
}

func sorted(rules []string) []string { return slices.Sorted(slices.Values(rules)) }
