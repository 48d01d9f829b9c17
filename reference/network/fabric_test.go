package network

import (
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestTheFabricComesTwiceAndGoesTwice(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make links")
	}
	p := Plan{Cluster: fmt.Sprintf("fabric-%d", os.Getpid()), Index: MaxClusters - 3}
	if by, err := p.InUse(); err != nil || by != "" {
		t.Skipf("needs addresses that are free here: %s %v", by, err)
	}
	t.Cleanup(func() { _ = p.Down() })
	for range 2 {
		if err := p.Up(); err != nil {
			t.Fatal(err)
		}
	}
	link, err := netlink.LinkByName(p.Link())
	if err != nil {
		t.Fatal(err)
	}
	if addresses, err := netlink.AddrList(link, netlink.FAMILY_V4); err != nil || len(addresses) != 1 || addresses[0].IPNet.String() != p.Machine().String() {
		t.Errorf("the machine's link has %v, %v", addresses, err)
	}
	if by, err := p.InUse(); err != nil || by != "" {
		t.Errorf("a plan stands in its own way: %s, %v", by, err)
	}
	other := Plan{Cluster: "another", Index: p.Index}
	if by, err := other.InUse(); err != nil || by == "" {
		t.Errorf("another plan with the same addresses finds them free, %v", err)
	}
	for range 2 {
		if err := p.Down(); err != nil {
			t.Fatal(err)
		}
	}
	if p.Exists() {
		t.Error("the fabric is still there")
	}
	if _, err := netlink.LinkByName(p.Link()); err == nil {
		t.Error("the link is still there")
	}
}
