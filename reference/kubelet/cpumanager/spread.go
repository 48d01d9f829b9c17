package cpumanager

import (
	"cmp"
	"slices"

	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// shares says how many CPUs to take from each NUMA node to have n of the free ones from as few nodes as there must be, from
// each of them as many, in multiples of step; nil if one node has as many, or if that cannot be done. Of equally many
// nodes those are chosen that leave the machine's nodes with the most even rest, and what cannot be split evenly comes from those
// with the most room.
func (t Topology) shares(free cpuset.CPUSet, n, step int) map[int]int {
	room := map[int]int{}
	var with topology.Nodes
	for _, c := range t {
		if free.Contains(c.ID) {
			room[c.Node]++
			with |= topology.NodesOf(c.Node)
		}
	}
	if n%step != 0 {
		return nil
	}
	var best map[int]int
	var size, rest int
	for set := range with.Subsets() {
		k := set.Count()
		if best != nil && k > size {
			continue
		}
		got := split(room, set.List(), n, step)
		if got == nil {
			continue
		}
		left := 0
		for id, has := range room {
			left += (has - got[id]) * (has - got[id])
		}
		if best == nil || k < size || left < rest {
			best, size, rest = got, k, left
		}
	}
	if size < 2 {
		return nil
	}
	return best
}

// split shares n out over the nodes.
func split(room map[int]int, nodes []int, n, step int) map[int]int {
	each := n / len(nodes) / step * step
	more := (n - each*len(nodes)) / step
	out := map[int]int{}
	slices.SortFunc(nodes, func(a, b int) int { return cmp.Or(cmp.Compare(room[b], room[a]), cmp.Compare(a, b)) })
	for _, id := range nodes {
		out[id] = each
		if more > 0 {
			out[id], more = each+step, more-1
		}
		if out[id] == 0 || out[id] > room[id] {
			return nil
		}
	}
	return out
}

// spread is take with the shares, if there are some.
func (t Topology) spread(free cpuset.CPUSet, n, step int, caches bool) cpuset.CPUSet {
	shares := t.shares(free, n, step)
	if shares == nil {
		return t.take(free, n, caches)
	}
	taken := cpuset.New()
	for id, some := range shares {
		taken = taken.Union(t.take(free.Intersection(t.Near(topology.NodesOf(id))), some, caches))
	}
	return taken
}
