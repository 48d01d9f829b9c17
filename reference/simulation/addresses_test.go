package simulation

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressesOfNodesAndPods(t *testing.T) {
	o := DefaultOptions()
	for got, want := range map[string]string{
		o.address(1).String():                   "198.18.0.1",
		o.address(5000).String():                "198.18.19.136",
		podRange(o.PodCIDR, 0).String():         "100.64.0.0/24",
		podRange(o.PodCIDR, 4999).String():      "100.83.135.0/24",
		nth(podRange(o.PodCIDR, 1), 2).String(): "100.64.1.2",
	} {
		if got != want {
			t.Errorf("got %s, wanted %s", got, want)
		}
	}
	r := netip.MustParsePrefix("100.64.1.0/24")
	if host, ok := hostOf(r, "100.64.1.7"); !ok || host != 7 {
		t.Errorf("got %d, %t", host, ok)
	}
	for _, outside := range []string{"", "100.64.2.7", "x"} {
		if host, ok := hostOf(r, outside); ok {
			t.Errorf("%q is place %d of %v", outside, host, r)
		}
	}
}

// No two pods of a node have the same address at a time, and none has the network's or the node's.
func TestNoAddressIsTakenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHosts()
		taken := map[int]bool{0: true, 1: true, 255: true}
		for range rapid.IntRange(1, 600).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				host := rapid.IntRange(2, 254).Draw(t, "release")
				h.release(host)
				delete(taken, host)
			case 1:
				host := rapid.IntRange(2, 254).Draw(t, "keep")
				if h.keep(host) == taken[host] {
					t.Fatalf("keep %d, taken %t", host, taken[host])
				}
				taken[host] = true
			default:
				host := h.take()
				if host == 0 && len(taken) < 256 || host != 0 && taken[host] {
					t.Fatalf("took %d with %d taken", host, len(taken))
				}
				if host != 0 {
					taken[host] = true
				}
			}
		}
	})
}
