package topology

// Hint is a set of NUMA nodes that a resource could come from.
type Hint struct {
	// Nodes is empty if it does not matter which.
	Nodes Nodes
	// Preferred tells that no smaller set would do.
	Preferred bool
}

// anywhere stands for a resource that is not bound to nodes, nowhere for one that cannot be had.
var (
	anywhere = []Hint{{Preferred: true}}
	nowhere  = []Hint{{}}
)

// better tells whether one set of nodes is to be had rather than another.
type better func(a, b Nodes) bool

// mixture is what hints of several resources, one of each, come to.
type mixture struct {
	nodes Nodes
	// bound: some of them named nodes; unequal: not all the same.
	bound, unequal, preferred bool
}

func (m mixture) with(h Hint) mixture {
	m.preferred = m.preferred && h.Preferred
	if h.Nodes != 0 {
		m.unequal = m.unequal || m.bound && m.nodes != h.Nodes
		m.bound, m.nodes = true, m.nodes&h.Nodes
	}
	return m
}

// merge returns the best hint that all resources can share, of all the ways to pick one hint for each: it names the
// nodes that are in every one picked, and is preferred if all picked were and are the same. all are the machine's
// nodes. If nothing can be shared it is all of them, not preferred. What is picked in turn is kept only as far as it
// matters for the outcome, so that many resources on many nodes take no longer than they have to.
func merge(all Nodes, resources [][]Hint, better better) Hint {
	ways := map[mixture]bool{{nodes: all, preferred: true}: true}
	for _, hints := range resources {
		next := map[mixture]bool{}
		for way := range ways {
			for _, h := range hints {
				next[way.with(h)] = true
			}
		}
		ways = next
	}
	size := widest(resources)
	best, found := Hint{Nodes: all}, false
	for way := range ways {
		h := Hint{Nodes: way.nodes, Preferred: way.preferred && !way.unequal}
		if h.Nodes != 0 && (!found || wins(h, best, size, better)) {
			best, found = h, true
		}
	}
	return best
}

// widest is how many nodes the resource needs that needs the most of them, at least.
func widest(resources [][]Hint) int {
	most := 0
	for _, hints := range resources {
		least := 0
		for _, h := range hints {
			if n := h.Nodes.Count(); n > 0 && (least == 0 || n < least) {
				least = n
			}
		}
		most = max(most, least)
	}
	return most
}

// wins compares two hints: a preferred one goes before others, and of preferred ones the better set. Of others it is
// the one with as many nodes as the neediest resource wants (size), else the one with the most below that, else
// with the fewest above.
func wins(a, b Hint, size int, better better) bool {
	if a.Preferred != b.Preferred {
		return a.Preferred
	}
	if x, y := a.Nodes.Count(), b.Nodes.Count(); !a.Preferred && x != y {
		rank := func(n int) int {
			if n > size {
				return n
			}
			return size - n
		}
		if (x > size) != (y > size) {
			return y > size
		}
		return rank(x) < rank(y)
	}
	return better(a.Nodes, b.Nodes)
}
