package allocator

import (
	"math"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressRange(t *testing.T) {
	for _, c := range []struct {
		prefix, first, last string
		size                int
	}{
		{"10.96.0.0/12", "10.96.0.1", "10.111.255.254", 1<<20 - 2},
		{"192.168.1.77/30", "192.168.1.77", "192.168.1.78", 2},
		{"10.0.0.1/32", "", "", 0},
		{"fd00::/112", "fd00::1", "fd00::ffff", 1<<16 - 1},
		{"fd00::/64", "fd00::1", "", math.MaxInt32},
	} {
		a := spanOf(netip.MustParsePrefix(c.prefix))
		if a.size() != c.size {
			t.Errorf("%s: size %d, want %d", c.prefix, a.size(), c.size)
		}
		if c.first != "" && a.at(0).String() != c.first {
			t.Errorf("%s: first %s, want %s", c.prefix, a.at(0), c.first)
		}
		if c.last != "" && a.at(a.size()-1).String() != c.last {
			t.Errorf("%s: last %s, want %s", c.prefix, a.at(a.size()-1), c.last)
		}
	}
}

func TestAddressIndexIsInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := spanOf(netip.MustParsePrefix(rapid.SampledFrom([]string{"10.96.0.0/12", "10.0.0.0/29", "fd00:1::/108"}).Draw(t, "prefix")))
		n := rapid.IntRange(0, a.size()-1).Draw(t, "n")
		if got, ok := a.index(a.at(n)); !ok || got != n {
			t.Fatalf("index(at(%d)) = %d, %v", n, got, ok)
		}
		if !a.prefix.Contains(a.at(n)) {
			t.Fatalf("at(%d) = %s is outside %s", n, a.at(n), a.prefix)
		}
	})
}
