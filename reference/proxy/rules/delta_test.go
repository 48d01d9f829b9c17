package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// table is a kernel's picture of one table: what iptables-restore --noflush works on.
type table map[string][]string

// restore does what iptables-restore --noflush does, and complains as it does.
func restore(t *rapid.T, kernel map[string]table, input []byte) {
	var now table
	for _, line := range strings.Split(strings.TrimSuffix(string(input), "\n"), "\n") {
		op, rest, _ := strings.Cut(line, " ")
		chain, rule, _ := strings.Cut(rest, " ")
		switch {
		case strings.HasPrefix(line, "*"):
			now = kernel[line[1:]]
		case strings.HasPrefix(line, ":"):
			now[op[1:]] = nil
		case op == "COMMIT":
			for name, list := range now {
				for _, rule := range list {
					if to := target(rule); strings.HasPrefix(to, "KUBE-") && !has2(now, to) {
						t.Fatalf("rule %q in %s leads to nowhere", rule, name)
					}
				}
			}
		case !has2(now, chain):
			t.Fatalf("%q: no chain", line)
		case op == "-A":
			now[chain] = append(now[chain], rule)
		case op == "-I":
			now[chain] = slices.Insert(now[chain], 0, rule)
		case op == "-D":
			i := slices.Index(now[chain], rule)
			if i < 0 {
				t.Fatalf("%q: no such rule", line)
			}
			now[chain] = slices.Delete(slices.Clone(now[chain]), i, i+1)
		case op == "-X":
			if len(now[chain]) > 0 {
				t.Fatalf("%q: not empty", line)
			}
			delete(now, chain)
		default:
			t.Fatalf("%q: not understood", line)
		}
	}
}

func has2(t table, chain string) bool { _, ok := t[chain]; return ok }

// save prints a kernel as iptables-save does.
func save(kernel map[string]table) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(kernel)) {
		b.WriteString("*" + name + "\n")
		for _, chain := range slices.Sorted(maps.Keys(kernel[name])) {
			b.WriteString(":" + chain + " - [0:0]\n")
		}
		for _, chain := range slices.Sorted(maps.Keys(kernel[name])) {
			for _, rule := range kernel[name][chain] {
				b.WriteString("-A " + chain + " " + rule + "\n")
			}
		}
		b.WriteString("COMMIT\n")
	}
	return []byte(b.String())
}

const foreign = "-s 203.0.113.7/32 -j DROP"

func freshKernel() map[string]table {
	return map[string]table{
		NAT:    {"PREROUTING": nil, "INPUT": nil, "OUTPUT": nil, "POSTROUTING": nil},
		Filter: {"INPUT": {foreign}, "FORWARD": {foreign}, "OUTPUT": nil},
	}
}

// Applying differences one after the other leaves the kernel with exactly the last set, whatever
// was there before, and what others put there.
func TestDeltasAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kernel, have := freshKernel(), Empty()
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			want := Build(config, ports(t)...)
			if d := Delta(have, want); d != nil {
				restore(t, kernel, d)
			}
			have = want
			if d := Delta(have, want); d != nil {
				t.Fatalf("a difference of a set to itself:\n%s", d)
			}
			// What the kernel prints is the same set, up to the order where it does not matter.
			read := Parse(save(kernel))
			if d := Delta(read, want); d != nil {
				t.Fatalf("kernel is not as wanted; missing:\n%s", d)
			}
			list := read.Chains[services]
			if last := list[len(list)-1]; target(last) != nodePorts.Name {
				t.Fatalf("%s ends with %q", services.Name, last)
			}
			for c := range dispatch {
				if !slices.Equal(sorted(read.Chains[c]), sorted(want.Chains[c])) {
					t.Fatalf("%v: got %q, want %q", c, read.Chains[c], want.Chains[c])
				}
			}
		}
		if d := Delta(Parse(save(kernel)), Empty()); d != nil {
			restore(t, kernel, d)
		}
		if got, want := string(save(kernel)), string(save(freshKernel())); got != want {
			t.Fatalf("left after clean-up:\n%s\nwant:\n%s", got, want)
		}
	})
}

// One endpoint more in one of many Services changes a few lines only.
func TestDeltaIsSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := ports(t)
		for i := len(all); i < 50; i++ {
			all = append(all, aPort(t, i))
		}
		before := Build(config, all...)
		all[7].Cluster = endpoints(len(all[7].Cluster) + 1)
		if lines := strings.Count(string(Delta(before, Build(config, all...))), "\n"); lines > 80 {
			t.Fatalf("%d lines for one endpoint", lines)
		}
	})
}
