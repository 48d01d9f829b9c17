package network

import (
	"encoding/json"
	"net"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressesAreThoseOfTheContract(t *testing.T) {
	p := Plan{Cluster: "x", Index: 1}
	for what, c := range map[string][2]string{
		"machine": {p.Machine().String(), "10.89.1.1/24"}, "network": {p.Network().String(), "10.89.1.0/24"},
		"node": {p.Node(2).String(), "10.89.1.12/24"}, "pods of a node": {p.NodePods(2).String(), "10.245.2.0/24"},
		"pods": {p.Pods().String(), "10.245.0.0/16"}, "link": {p.Link(), "etalon1"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %s, want %s", what, c[0], c[1])
		}
	}
}

func TestNoTwoThingsShareAnAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cluster := rapid.IntRange(0, MaxClusters-1)
		number := rapid.IntRange(1, MaxNodes)
		a, b := Plan{Index: cluster.Draw(t, "cluster")}, Plan{Index: cluster.Draw(t, "other cluster")}
		n, m := number.Draw(t, "node"), number.Draw(t, "other node")
		if a.Node(n).Addr() == b.Machine().Addr() {
			t.Fatalf("node %d of cluster %d has the machine's address", n, a.Index)
		}
		if !a.Pods().Contains(a.NodePods(n).Addr()) || !a.Network().Contains(a.Node(n).Addr()) {
			t.Fatalf("node %d of cluster %d lies outside its networks", n, a.Index)
		}
		if a.Pods().Overlaps(Services) || a.Network().Overlaps(Services) {
			t.Fatalf("cluster %d lies in the range of services", a.Index)
		}
		if a == b && n == m {
			return
		}
		if a.Node(n) == b.Node(m) || a.NodePods(n).Overlaps(b.NodePods(m)) {
			t.Fatalf("node %d of cluster %d and node %d of cluster %d share addresses", n, a.Index, m, b.Index)
		}
	})
}

func TestTheCNIConfigurationNeverMasquerades(t *testing.T) {
	b, err := CNIConfig(netip.MustParsePrefix("10.244.1.0/24"), "/run/ipam")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Plugins []struct {
			Type   string
			IPMasq *bool
			IPAM   struct {
				DataDir string
				Ranges  [][]struct{ Subnet string }
			}
			Capabilities map[string]bool
		}
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	ptp, portmap := list.Plugins[0], list.Plugins[1]
	if ptp.Type != "ptp" || ptp.IPMasq == nil || *ptp.IPMasq || ptp.IPAM.DataDir != "/run/ipam" || ptp.IPAM.Ranges[0][0].Subnet != "10.244.1.0/24" {
		t.Errorf("first plugin: %+v", ptp)
	}
	if portmap.Type != "portmap" || !portmap.Capabilities["portMappings"] {
		t.Errorf("second plugin: %+v", portmap)
	}
}

func TestOnlyNarrowNetworksStandInTheWay(t *testing.T) {
	p := Plan{}
	for text, want := range map[string]bool{
		"10.89.0.7/24": true, "10.244.3.0/24": true, "10.244.0.0/16": true, "10.0.0.1/8": false, "0.0.0.0/0": false, "192.168.1.0/24": false, "10.245.0.0/16": false,
	} {
		_, n, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := overlaps(n, p.Network(), p.Pods()); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
