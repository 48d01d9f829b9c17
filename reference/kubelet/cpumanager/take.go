package cpumanager

import (
	"cmp"
	"slices"

	"k8s.io/utils/cpuset"
)

// take picks n of the free CPUs, which must be as many: whole sockets as far as n goes, then whole cores, then
// single threads. Where there is a choice it is what has the least left, so that what is whole stays so.
func (t Topology) take(free cpuset.CPUSet, n int) cpuset.CPUSet {
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
	sockets, cores := t.groups(CPU.socket), t.groups(CPU.core)
	for n > 0 && pick(sockets, true) {
	}
	for n > 0 && pick(cores, true) {
	}
	for n > 0 && pick(cores, false) {
	}
	return taken
}

// byRoom orders groups by how much is free in their socket, then in themselves, then by their number.
func (t Topology) byRoom(groups map[[2]int]cpuset.CPUSet, free cpuset.CPUSet) [][2]int {
	room := map[int]int{}
	for _, c := range t {
		if free.Contains(c.ID) {
			room[c.Socket]++
		}
	}
	keys := make([][2]int, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]int) int {
		return cmp.Or(cmp.Compare(room[a[0]], room[b[0]]),
			cmp.Compare(groups[a].Intersection(free).Size(), groups[b].Intersection(free).Size()),
			cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	return keys
}
