package nodeipam

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

func TestRangesInOrder(t *testing.T) {
	for _, test := range []struct {
		network string
		mask    int
		want    []string
	}{
		{"10.244.0.0/16", 24, []string{"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}},
		{"10.244.7.0/22", 24, []string{"10.244.4.0/24", "10.244.5.0/24", "10.244.6.0/24", "10.244.7.0/24", ""}},
		{"192.168.0.0/30", 31, []string{"192.168.0.0/31", "192.168.0.2/31", ""}},
		{"192.168.0.0/32", 32, []string{"192.168.0.0/32", ""}},
		{"fd00::/56", 64, []string{"fd00::/64", "fd00:0:0:1::/64", "fd00:0:0:2::/64"}},
		{"fd00::/112", 120, []string{"fd00::/120", "fd00::100/120"}},
		{"fd00::/60", 72, []string{"fd00::/72", "fd00:0:0:0:100::/72"}},
	} {
		r := newRanges(netip.MustParsePrefix(test.network), test.mask)
		for i, want := range test.want {
			got, ok := r.allocate()
			if ok != (want != "") || ok && got != netip.MustParsePrefix(want) {
				t.Errorf("range %d of %s is %s, %t; want %q", i, test.network, got, ok, want)
			}
		}
	}
}

// What is taken, in whole or in part, is not given; nor is anything twice; and
// what has been released is given again.
func TestRangesAreDisjoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		network := netip.MustParsePrefix(rapid.SampledFrom([]string{"10.244.0.0/16", "172.16.0.0/29", "fd00:1::/59", "fd00:1::/121"}).Draw(t, "network"))
		size := rapid.IntRange(0, min(6, network.Addr().BitLen()-network.Bits())).Draw(t, "size")
		r := newRanges(network, network.Bits()+size)
		outside := func(t *rapid.T) netip.Prefix {
			i := rapid.IntRange(0, len(r.taken)-1).Draw(t, "which")
			p := r.at(i)
			bits := rapid.IntRange(max(1, p.Bits()-8), min(p.Addr().BitLen(), p.Bits()+8)).Draw(t, "length")
			return netip.PrefixFrom(p.Addr(), bits).Masked()
		}
		var held []netip.Prefix
		t.Repeat(map[string]func(*rapid.T){
			"occupy": func(t *rapid.T) {
				p := outside(t)
				r.occupy(p)
				held = append(held, p)
			},
			"release": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("none is held")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "held")
				r.release(held[i])
				held = append(held[:i:i], held[i+1:]...)
			},
			"allocate": func(t *rapid.T) {
				p, ok := r.allocate()
				if !ok {
					for i := range r.taken {
						free := true
						for _, other := range held {
							free = free && !other.Overlaps(r.at(i))
						}
						if free {
							t.Fatalf("%s is free and not given", r.at(i))
						}
					}
					return
				}
				for _, other := range held {
					if other.Overlaps(p) {
						t.Fatalf("%s is given although %s is taken", p, other)
					}
				}
				if !network.Contains(p.Addr()) || p.Bits() != r.mask || p != p.Masked() {
					t.Fatalf("%s is not a range of %s", p, network)
				}
				held = append(held, p)
			},
		})
	})
}

func TestOptions(t *testing.T) {
	networks := func(list string) []netip.Prefix {
		networks, err := ParseNetworks(list)
		if err != nil {
			t.Fatal(err)
		}
		return networks
	}
	for name, test := range map[string]struct {
		options Options
		ok      bool
	}{
		"one network":         {Options{Allocate: true, Cluster: networks("10.244.0.0/16")}, true},
		"of each family":      {Options{Allocate: true, Cluster: networks("10.244.0.0/16, fd00::/56")}, true},
		"none":                {Options{Allocate: true}, false},
		"none wanted":         {Options{}, true},
		"two of a family":     {Options{Allocate: true, Cluster: networks("10.244.0.0/16,10.245.0.0/16")}, false},
		"three":               {Options{Allocate: true, Cluster: networks("10.244.0.0/16,fd00::/56,fd01::/56")}, false},
		"range too large":     {Options{Allocate: true, Cluster: networks("10.244.0.0/26")}, false},
		"range too small":     {Options{Allocate: true, Cluster: networks("10.244.0.0/26"), MaskIPv4: 33}, false},
		"too many ranges":     {Options{Allocate: true, Cluster: networks("fd00::/40")}, false},
		"as many as possible": {Options{Allocate: true, Cluster: networks("fd00::/48")}, true},
	} {
		if err := test.options.Check(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseNetworks("10.244.0.0"); err == nil {
		t.Error("an address is taken for a network")
	}
}

func TestFlags(t *testing.T) {
	parse := func(args ...string) (Options, error) {
		var o Options
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.AddFlags(flags)
		err := flags.Parse(args)
		return o, errors.Join(err, o.Check())
	}
	o, err := parse("--allocate-node-cidrs", "--cluster-cidr=10.0.0.0/16,fd00::/56", "--service-cluster-ip-range", "10.0.3.0/24", "--node-cidr-mask-size-ipv4=26")
	if err != nil || !o.Allocate || len(o.Cluster) != 2 || len(o.Service) != 1 || o.mask(o.Cluster[0]) != 26 || o.mask(o.Cluster[1]) != 64 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse("--allocate-node-cidrs", "--cluster-cidr=10.0.0.0/16", "--node-cidr-mask-size=20"); err != nil || o.mask(o.Cluster[0]) != 20 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse(); err != nil || o.Allocate {
		t.Errorf("without any %+v, %v", o, err)
	}
	for _, args := range [][]string{{"--allocate-node-cidrs"}, {"--cluster-cidr=10.0.0.0"}, {"--node-cidr-mask-size=24x"}} {
		if _, err := parse(args...); err == nil {
			t.Errorf("%v is taken without an error", args)
		}
	}
}
