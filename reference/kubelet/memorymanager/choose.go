package memorymanager

import (
	"errors"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// reuse is how much of it the pod has already from these nodes and can use again.
type reuse func(nodes topology.Nodes, name v1.ResourceName) int64

func nothing(topology.Nodes, v1.ResourceName) int64 { return 0 }

// hints are the groups of nodes that have all that is wanted. Those are preferred that are no more nodes than an
// empty machine would need. A node is used for itself or together with always the same others.
func (t table) hints(wants map[v1.ResourceName]int64, again reuse) []topology.Hint {
	out := []topology.Hint{}
	least := t.all().Count()
	for nodes := range t.all().Subsets() {
		could, can := true, true
		for name, bytes := range wants {
			free, allocatable := t.sum(nodes, name)
			could = could && allocatable >= bytes
			can = can && free+again(nodes, name) >= bytes
		}
		if could {
			least = min(least, nodes.Count())
		}
		if could && can && t.grouped(nodes) {
			out = append(out, topology.Hint{Nodes: nodes})
		}
	}
	for i := range out {
		out[i].Preferred = out[i].Nodes.Count() == least
	}
	return out
}

// grouped tells whether the nodes may be used together: none of them is used with others, or without these.
func (t table) grouped(nodes topology.Nodes) bool {
	for id, n := range t {
		if nodes.Has(id) && n.Assignments > 0 && topology.NodesOf(n.Cells...) != nodes {
			return false
		}
	}
	return true
}

// fits tells whether the nodes have all that is wanted.
func (t table) fits(nodes topology.Nodes, wants map[v1.ResourceName]int64, again reuse) bool {
	for name, bytes := range wants {
		if free, _ := t.sum(nodes, name); free+again(nodes, name) < bytes {
			return false
		}
	}
	return true
}

// choose picks the nodes that what is wanted comes from: those near if they have it, else more nodes with them.
func (t table) choose(wants map[v1.ResourceName]int64, near topology.Hint, again reuse) (topology.Nodes, error) {
	hints := t.hints(wants, again)
	best := func(list []topology.Hint) topology.Hint {
		return slices.MinFunc(list, func(a, b topology.Hint) int {
			switch x, y := a.Nodes.Count(), b.Nodes.Count(); {
			case a.Preferred != b.Preferred && a.Preferred:
				return -1
			case a.Preferred != b.Preferred:
				return 1
			case x != y:
				return x - y
			case a.Nodes < b.Nodes:
				return -1
			}
			return 1
		})
	}
	picked := near
	if picked.Nodes == 0 {
		if len(hints) == 0 {
			return 0, errors.New("[memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available")
		}
		if picked = best(hints); near.Preferred && !picked.Preferred {
			return 0, errors.New("[memorymanager] failed to find the default preferred hint")
		}
	}
	if !t.fits(picked.Nodes, wants, again) {
		wider := slices.DeleteFunc(hints, func(h topology.Hint) bool { return picked.Nodes&^h.Nodes != 0 })
		if len(wider) == 0 {
			return 0, errors.New("[memorymanager] failed to find NUMA nodes to extend the current topology hint")
		}
		wide := best(wider)
		if picked.Preferred && !wide.Preferred {
			return 0, errors.New("[memorymanager] failed to find the extended preferred hint")
		}
		picked = wide
	}
	if !t.grouped(picked.Nodes) {
		return 0, errors.New("[memorymanager] preferred hint violates NUMA node allocation")
	}
	return picked.Nodes, nil
}
