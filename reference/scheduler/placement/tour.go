package placement

// Scoring every node that a pod could go to is not worth its time in a large cluster
// (docs: concepts/scheduling-eviction/scheduler-perf-tuning#percentage-of-nodes-to-score).
const (
	// enoughAtLeast is how many nodes are enough at least: smaller clusters are looked at as a whole.
	enoughAtLeast = 100
	// The share that is enough falls with the size of the cluster, from mostPercent by one for each nodesPerPercent.
	mostPercent, leastPercent, nodesPerPercent = 50, 5, 125
)

// enough is how many nodes that a pod could go to are enough to choose among in a cluster of so many.
func enough(nodes int) int {
	percent := max(mostPercent-nodes/nodesPerPercent, leastPercent)
	return min(nodes, max(enoughAtLeast, nodes*percent/100))
}

// tour goes round the nodes: zone by zone by turns, so that every zone comes into question, and each search from
// where the one before ended, so that every node does.
type tour struct {
	nodes []*Node
	next  int
	stale bool // nodes came, went or moved
}

// search asks nodes until enough fit. It returns those that do, and all that were asked.
func (t *tour) search(all []*Node, fits func(*Node) bool) (feasible, asked []*Node) {
	if t.stale {
		t.nodes, t.stale = byTurns(all), false
	}
	n, want := len(t.nodes), enough(len(t.nodes))
	feasible, asked = make([]*Node, 0, want), make([]*Node, 0, want)
	for len(asked) < n && len(feasible) < want {
		node := t.nodes[(t.next+len(asked))%n]
		asked = append(asked, node)
		if fits(node) {
			feasible = append(feasible, node)
		}
	}
	if n > 0 {
		t.next = (t.next + len(asked)) % n
	}
	return feasible, asked
}

// byTurns orders nodes so that zones alternate as long as they have nodes; within a zone the order stays.
func byTurns(nodes []*Node) []*Node {
	type zone struct{ region, name string }
	var zones []zone // in the order of their first nodes
	of := map[zone][]*Node{}
	for _, n := range nodes {
		z := zone{n.region, n.zone}
		if of[z] == nil {
			zones = append(zones, z)
		}
		of[z] = append(of[z], n)
	}
	out := make([]*Node, 0, len(nodes))
	for round := 0; len(out) < len(nodes); round++ {
		for _, z := range zones {
			if round < len(of[z]) {
				out = append(out, of[z][round])
			}
		}
	}
	return out
}
