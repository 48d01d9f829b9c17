package memorymanager

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// Reserved is what the system keeps for itself of each NUMA node, in bytes.
type Reserved map[int]map[v1.ResourceName]int64

// Parse reads the configuration's reservedMemory.
func Parse(list []kubeletv1beta1.MemoryReservation) (Reserved, error) {
	out := Reserved{}
	for _, r := range list {
		id := int(r.NumaNode)
		if id < 0 {
			return nil, fmt.Errorf("reservedMemory: NUMA node %d: must not be negative", id)
		}
		if len(r.Limits) == 0 {
			return nil, fmt.Errorf("reservedMemory: NUMA node %d: nothing is reserved", id)
		}
		for name, q := range r.Limits {
			if !isMemory(name) {
				return nil, fmt.Errorf("reservedMemory: NUMA node %d: %q is neither memory nor huge pages", id, name)
			}
			if q.Sign() <= 0 {
				return nil, fmt.Errorf("reservedMemory: NUMA node %d: %s: %s: must be positive", id, name, q.String())
			}
			if _, twice := out[id][name]; twice {
				return nil, fmt.Errorf("reservedMemory: NUMA node %d: %s: given twice", id, name)
			}
			if out[id] == nil {
				out[id] = map[v1.ResourceName]int64{}
			}
			out[id][name] = q.Value()
		}
	}
	return out, nil
}

// Check tells whether the nodes exist, and whether what is reserved of all together is what pods may not request: the sum of
// kubeReserved, systemReserved and evictionHard.
func (r Reserved) Check(m topology.Machine, kept v1.ResourceList) error {
	sums := map[v1.ResourceName]int64{}
	for name := range kept {
		if isMemory(name) {
			sums[name] = 0
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r)) {
		if !m.All().Has(id) {
			return fmt.Errorf("reservedMemory: the machine has no NUMA node %d", id)
		}
		for name, bytes := range r[id] {
			sums[name] += bytes
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		q := kept[name]
		if sums[name] != q.Value() {
			return fmt.Errorf("reservedMemory: the total amount %d of type %q is not equal to the value %d determined by Node Allocatable feature", sums[name], name, q.Value())
		}
	}
	return nil
}
