package cpumanager

import (
	"cmp"
	"slices"

	"k8s.io/utils/cpuset"
)

// take picks n of the free CPUs, which must be as many: whole sockets and NUMA nodes as far as n goes, then whole cores,
// then single threads. Where there is a choice it is what has the least left, so that what is whole stays so. With
// caches it is whole groups of cores with a last-level cache, and then all of one such group, before it is single cores.
func (t Topology) take(free cpuset.CPUSet, n int, caches bool) cpuset.CPUSet {
	taken := cpuset.New()
	pick := func(groups map[[2]int]cpuset.CPUSet, whole bool) bool {
		best, found := cpuset.New(), false
		for _, key := range t.byRoom(groups, free) {
			left := groups[key].Intersection(free)
			if left.IsEmpty() || whole && (left.Size() != groups[key].Size() || left.Size() > n) {
				continue
			}
			best, found = left, true
			break
		}
		if !found {
			return false
		}
		if !whole {
			best = cpuset.New(best.List()[0])
		}
		taken, free, n = taken.Union(best), free.Difference(best), n-best.Size()
		return true
	}
	large := []map[[2]int]cpuset.CPUSet{t.groups(CPU.socket), t.groups(CPU.node)}
	if len(large[0]) > len(large[1]) {
		slices.Reverse(large)
	}
	for _, groups := range large {
		for n > 0 && pick(groups, true) {
		}
	}
	if caches {
		groups := t.groups(CPU.cache)
		for n > 0 && pick(groups, true) {
		}
		for _, key := range t.byRoom(groups, free) {
			if left := groups[key].Intersection(free); n > 0 && left.Size() >= n {
				return taken.Union(t.take(left, n, false))
			}
		}
	}
	cores := t.groups(CPU.core)
	for n > 0 && pick(cores, true) {
	}
	for n > 0 && pick(cores, false) {
	}
	return taken
}

// byRoom orders groups by how much is free in their socket, then in themselves, then by their number.
func (t Topology) byRoom(groups map[[2]int]cpuset.CPUSet, free cpuset.CPUSet) [][2]int {
	room, socket := map[int]int{}, map[int]int{}
	for _, c := range t {
		socket[c.ID] = c.Socket
		if free.Contains(c.ID) {
			room[c.Socket]++
		}
	}
	in := func(key [2]int) int { return room[socket[groups[key].List()[0]]] }
	keys := make([][2]int, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]int) int {
		return cmp.Or(cmp.Compare(in(a), in(b)),
			cmp.Compare(groups[a].Intersection(free).Size(), groups[b].Intersection(free).Size()),
			cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	return keys
}
