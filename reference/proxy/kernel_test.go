package proxy

import (
	"context"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// tries is how often a client connects to learn whom it may reach: that one of two equally
// likely endpoints stays unseen by chance has probability 2^-39.
const tries = 40

// TestKernel runs the proxy's rules in a real kernel: a node with two pods and a client outside,
// each in a network namespace of its own.
func TestKernel(t *testing.T) {
	if !inOwnNamespaces(t) {
		return
	}
	lab := newLab(t)
	for _, variant := range []string{nft, legacy} {
		t.Run(variant, func(t *testing.T) { testKernel(t, lab, variant) })
	}
}

func testKernel(t *testing.T, lab *lab, variant string) {
	ctx := t.Context()
	k, err := chooseKernel(variant)
	if err != nil {
		t.Skip(err)
	}
	config := rules.Config{ClusterCIDR: netip.MustParsePrefix("10.244.0.0/16"), RandomFully: k.ipt.HasRandomFully(), Localhost: true}
	set := map[types.NamespacedName][]plan.Port{}
	p := newProxy(k, config)
	p.source = func(n types.NamespacedName) []plan.Port { return set[n] }
	t.Cleanup(func() {
		if err := Cleanup(context.WithoutCancel(ctx), variant); err != nil {
			t.Error(err)
		}
	})
	apply := func(ports ...plan.Port) {
		t.Helper()
		for _, port := range ports {
			n := types.NamespacedName{Namespace: port.Name.Namespace, Name: port.Name.Service}
			set[n] = []plan.Port{port}
			p.dirty.mark(n)
		}
		if err := p.sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	one, two := lab.pods[0], lab.pods[1]
	web := port("web", corev1.ProtocolTCP, "10.96.0.10", 80, one.http(), two.http())
	web.NodePort = 30080
	sticky := port("sticky", corev1.ProtocolTCP, "10.96.0.11", 80, one.http(), two.http())
	sticky.AffinitySeconds = 10800
	udp := port("udp", corev1.ProtocolUDP, "10.96.0.12", 53, one.udp(), two.udp())
	empty := port("empty", corev1.ProtocolTCP, "10.96.0.13", 80)
	apply(web, sticky, udp, empty)

	t.Run("kernel holds what was planned", func(t *testing.T) {
		have, err := k.read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := rules.Delta(have, p.picture); d != nil {
			t.Errorf("a proxy that starts anew would write:\n%s", d)
		}
		if intact, err := k.intact(); err != nil || !intact {
			t.Errorf("intact = %v, %v", intact, err)
		}
	})
	t.Run("cluster IP", func(t *testing.T) {
		for _, from := range []*host{one, lab.node} { // from a pod (hairpin among it) and from the node
			reaches(t, from, "tcp", "10.96.0.10:80", one, two)
		}
	})
	t.Run("node port", func(t *testing.T) {
		reaches(t, lab.outside, "tcp", "192.0.2.1:30080", one, two)
		reaches(t, one, "tcp", "192.0.2.1:30080", one, two)
		reaches(t, lab.node, "tcp", "127.0.0.1:30080", one, two)
	})
	t.Run("session affinity", func(t *testing.T) {
		if got := who(t, two, "tcp", "10.96.0.11:80", tries); len(got) != 1 {
			t.Errorf("one client was served by %v", got)
		}
	})
	t.Run("no endpoints", func(t *testing.T) {
		for _, from := range []*host{one, lab.node} {
			if got := from.dial(t, "tcp", "10.96.0.13:80"); !strings.Contains(got, "connection refused") {
				t.Errorf("%s: got %q, want connection refused", from.name, got)
			}
		}
	})
	t.Run("UDP", func(t *testing.T) {
		reaches(t, two, "udp", "10.96.0.12:53", one, two)
		// A client that keeps its port keeps its endpoint, until that is gone.
		const fixed = "udp:5000"
		first := one.dial(t, fixed, "10.96.0.12:53")
		for range 5 {
			if again := one.dial(t, fixed, "10.96.0.12:53"); again != first {
				t.Fatalf("flow moved from %s to %s", first, again)
			}
		}
		rest := one
		if first == one.name {
			rest = two
		}
		apply(port("udp", corev1.ProtocolUDP, "10.96.0.12", 53, rest.udp()))
		if got := one.dial(t, fixed, "10.96.0.12:53"); got != rest.name {
			t.Errorf("after %s left, the flow went to %q, want %s", first, got, rest.name)
		}
	})
	t.Run("endpoint removed", func(t *testing.T) {
		web := web
		web.Cluster = []plan.Endpoint{two.http()}
		apply(web)
		reaches(t, one, "tcp", "10.96.0.10:80", two)
	})
	t.Run("last endpoint removed and back", func(t *testing.T) {
		web := web
		web.Cluster = nil
		apply(web)
		for from, at := range map[*host]string{one: "10.96.0.10:80", lab.outside: "192.0.2.1:30080"} {
			if got := from.dial(t, "tcp", at); !strings.Contains(got, "connection refused") {
				t.Errorf("%s: got %q, want connection refused", from.name, got)
			}
		}
		web.Cluster = []plan.Endpoint{one.http()}
		apply(web)
		reaches(t, lab.outside, "tcp", "192.0.2.1:30080", one)
	})
	t.Run("external policy Local keeps the source", func(t *testing.T) {
		web := web
		web.ExternalLocal, web.Local = true, []plan.Endpoint{two.http()}
		apply(web)
		reaches(t, lab.outside, "tcp", "192.0.2.1:30080", two)
		if got := two.lastClient(t); got != "192.0.2.2" {
			t.Errorf("the pod saw client %s, want 192.0.2.2", got)
		}
		web.Local = nil
		apply(web)
		if got := lab.outside.dial(t, "tcp", "192.0.2.1:30080"); !strings.Contains(got, "timeout") {
			t.Errorf("without a local endpoint: got %q, want no answer", got)
		}
	})
	t.Run("flushed by others", func(t *testing.T) {
		apply(web)
		if out, err := exec.Command(k.command, "-t", "nat", "-F").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if intact, err := k.intact(); err != nil || intact {
			t.Fatalf("intact = %v, %v", intact, err)
		}
		p.check(ctx)
		apply()
		reaches(t, one, "tcp", "10.96.0.10:80", one, two)
	})
	t.Run("foreign rules stay", func(t *testing.T) {
		foreign := []string{"-s", "203.0.113.7/32", "-j", "DROP"}
		if err := k.ipt.Append("filter", "FORWARD", foreign...); err != nil {
			t.Fatal(err)
		}
		if err := Cleanup(ctx, variant); err != nil {
			t.Fatal(err)
		}
		have, err := k.read(ctx)
		if err != nil || len(have.Chains)+len(have.Jumps) > 0 {
			t.Errorf("left after clean-up: %v %v", have, err)
		}
		if there, err := k.ipt.Exists("filter", "FORWARD", foreign...); err != nil || !there {
			t.Errorf("a rule of others is gone (%v)", err)
		}
		if err := k.ipt.Delete("filter", "FORWARD", foreign...); err != nil {
			t.Error(err)
		}
	})
}

func port(name string, proto corev1.Protocol, ip string, number uint16, endpoints ...plan.Endpoint) plan.Port {
	return plan.Port{
		Name: plan.PortName{Namespace: "default", Service: name, Port: "main"}, Protocol: proto,
		ClusterIP: netip.MustParseAddr(ip), Port: number, Cluster: endpoints,
	}
}

// reaches checks that connections from a host end at exactly these pods.
func reaches(t *testing.T, from *host, network, at string, want ...*host) {
	t.Helper()
	var names []string
	for _, h := range want {
		names = append(names, h.name)
	}
	if got := who(t, from, network, at, tries); !slices.Equal(got, names) {
		t.Errorf("%s from %s was answered by %q, want %q", at, from.name, got, names)
	}
}

func who(t *testing.T, from *host, network, at string, n int) []string {
	t.Helper()
	var names []string
	for range n {
		names = append(names, from.dial(t, network, at))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// patience bounds one connection attempt.
const patience = 500 * time.Millisecond
