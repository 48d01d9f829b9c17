package topology

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func two() Machine {
	return Machine{{ID: 0, Distances: map[int]int{0: 10, 1: 21}}, {ID: 1, Distances: map[int]int{0: 21, 1: 10}}}
}

// ring has four nodes, of which 0 is nearer to 3 than to 1.
func ring() Machine {
	var m Machine
	for id, row := range [][]int{{10, 20, 30, 11}, {20, 10, 20, 30}, {30, 20, 10, 20}, {11, 30, 20, 10}} {
		n := Node{ID: id, Distances: map[int]int{}}
		for other, d := range row {
			n.Distances[other] = d
		}
		m = append(m, n)
	}
	return m
}

func good(ids ...int) Hint { return Hint{Nodes: NodesOf(ids...), Preferred: true} }
func bad(ids ...int) Hint  { return Hint{Nodes: NodesOf(ids...)} }

type offers = []map[string][]Hint

func TestMerge(t *testing.T) {
	both := []Hint{good(0), good(1), bad(0, 1)}
	for name, c := range map[string]struct {
		machine Machine
		offers  offers
		closest bool
		// what each policy makes of it
		best     Hint
		admitted []string
		single   Hint
	}{
		"nobody cares":                 {two(), offers{nil, {"a": nil}}, false, good(0, 1), []string{BestEffort, Restricted, SingleNUMANode}, good()},
		"one resource":                 {two(), offers{{"a": both}}, false, good(0), []string{BestEffort, Restricted, SingleNUMANode}, good(0)},
		"where both are":               {two(), offers{{"a": both}, {"b": {good(1)}}}, false, good(1), []string{BestEffort, Restricted, SingleNUMANode}, good(1)},
		"apart":                        {two(), offers{{"a": {good(0), bad(0, 1)}}, {"b": {good(1), bad(0, 1)}}}, false, bad(0), []string{BestEffort}, bad()},
		"nowhere together":             {two(), offers{{"a": {good(0)}, "b": {good(1)}}}, false, bad(0, 1), []string{BestEffort}, bad()},
		"one cannot be had":            {two(), offers{{"a": both}, {"b": {}}}, false, bad(0), []string{BestEffort}, bad()},
		"more than one node has":       {two(), offers{{"a": {good(0, 1)}}}, false, good(0, 1), []string{BestEffort, Restricted}, bad()},
		"one needs two, one needs one": {two(), offers{{"a": {good(0, 1)}, "b": both}}, false, bad(0, 1), []string{BestEffort}, bad()},
		"the lowest pair":              {ring(), offers{{"a": {good(0, 1), good(0, 3)}}}, false, good(0, 1), []string{BestEffort, Restricted}, bad()},
		"the closest pair":             {ring(), offers{{"a": {good(0, 1), good(0, 3)}}}, true, good(0, 3), []string{BestEffort, Restricted}, bad()},
	} {
		for _, name2 := range []string{None, BestEffort, Restricted, SingleNUMANode} {
			p := Policy{Name: name2, Closest: c.closest}
			want, admitted := c.best, name2 == None || slices.Contains(c.admitted, name2)
			switch name2 {
			case None:
				want = Hint{}
			case SingleNUMANode:
				want = c.single
			}
			if got, ok := p.Merge(c.machine, c.offers); got != want || ok != admitted {
				t.Errorf("%s, %s: got %v, %t; want %v, %t", name, name2, got, ok, want, admitted)
			}
		}
	}
}

// slowly is merge as it is documented: every way to pick one hint for each resource is tried and the best is taken.
func slowly(all Nodes, resources [][]Hint, better better) Hint {
	size := 0
	for _, hints := range resources {
		var counts []int
		for _, h := range hints {
			if h.Nodes != 0 {
				counts = append(counts, h.Nodes.Count())
			}
		}
		if len(counts) > 0 {
			size = max(size, slices.Min(counts))
		}
	}
	var found []Hint
	var try func(picked []Hint)
	try = func(picked []Hint) {
		if len(picked) < len(resources) {
			for _, h := range resources[len(picked)] {
				try(append(slices.Clone(picked), h))
			}
			return
		}
		out := Hint{Nodes: all, Preferred: true}
		var named []Nodes
		for _, h := range picked {
			if out.Preferred = out.Preferred && h.Preferred; h.Nodes != 0 {
				out.Nodes &= h.Nodes
				named = append(named, h.Nodes)
			}
		}
		for _, n := range named {
			out.Preferred = out.Preferred && n == named[0]
		}
		if out.Nodes != 0 {
			found = append(found, out)
		}
	}
	try(nil)
	if len(found) == 0 {
		return Hint{Nodes: all}
	}
	// The class of a hint: preferred, as many nodes as are needed, fewer, more.
	class := func(h Hint) int {
		switch n := h.Nodes.Count(); {
		case h.Preferred:
			return 0
		case n == size:
			return 1
		case n < size:
			return 2
		}
		return 3
	}
	return slices.MinFunc(found, func(a, b Hint) int {
		if c := cmp.Compare(class(a), class(b)); c != 0 {
			return c
		}
		if c := cmp.Compare(b.Nodes.Count(), a.Nodes.Count()); class(a) == 2 && c != 0 {
			return c
		}
		switch {
		case better(a.Nodes, b.Nodes):
			return -1
		case better(b.Nodes, a.Nodes):
			return 1
		}
		return 0
	})
}

func drawHints(t *rapid.T, all Nodes) [][]Hint {
	hint := rapid.Custom(func(t *rapid.T) Hint {
		return Hint{Nodes: Nodes(rapid.Uint64Range(0, uint64(all)).Draw(t, "nodes")), Preferred: rapid.Bool().Draw(t, "preferred")}
	})
	return rapid.SliceOfN(rapid.SliceOfN(hint, 0, 5), 0, 4).Draw(t, "hints")
}

func TestMergeFindsWhatTryingAllFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := ring()
		p := Policy{Closest: rapid.Bool().Draw(t, "closest")}
		hints := drawHints(t, m.All())
		if got, want := merge(m.All(), hints, p.better(m)), slowly(m.All(), hints, p.better(m)); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// What a stricter policy admits, a laxer one does, too; what is admitted strictly is where all resources can be.
func TestPolicies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := ring()
		hints := drawHints(t, m.All())
		var all offers
		for _, h := range hints {
			all = append(all, map[string][]Hint{"r": append([]Hint{}, h...)})
		}
		_, best := Policy{Name: BestEffort}.Merge(m, all)
		_, restricted := Policy{Name: Restricted}.Merge(m, all)
		near, single := Policy{Name: SingleNUMANode}.Merge(m, all)
		if !best || single && !restricted {
			t.Fatalf("best effort %t, restricted %t, single %t", best, restricted, single)
		}
		for _, h := range hints {
			if single && !slices.ContainsFunc(h, func(h Hint) bool {
				return h.Nodes == 0 || h.Nodes == near.Nodes || near.Nodes == 0 && h.Nodes.Count() <= 1
			}) {
				t.Fatalf("%v is not one of %v", near, h)
			}
		}
	})
}

func TestSubsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := Nodes(rapid.Uint64Range(0, 1<<10-1).Draw(t, "nodes"))
		seen := map[Nodes]bool{}
		for s := range all.Subsets() {
			if s == 0 || s&^all != 0 || seen[s] {
				t.Fatalf("%v of %v", s, all)
			}
			seen[s] = true
		}
		if len(seen) != 1<<all.Count()-1 {
			t.Fatalf("%d sets of %v", len(seen), all)
		}
	})
}
