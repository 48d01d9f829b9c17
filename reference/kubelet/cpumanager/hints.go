package cpumanager

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// Hints tells near which NUMA nodes the CPUs could be that the container gets for itself, or all of the pod's.
func (m *Manager) Hints(pod *v1.Pod, c *v1.Container) map[string][]topology.Hint {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	switch {
	case c != nil:
		n = exclusive(pod, c)
	case pod.Spec.Resources != nil:
		n = together(pod)
	default:
		n = most(pod)
	}
	if n == 0 {
		return nil
	}
	h, has := m.entries[pod.UID]
	if !has {
		return map[string][]topology.Hint{string(v1.ResourceCPU): m.topology.hints(n, m.free(), cpuset.New())}
	}
	own := h.pool
	if c != nil {
		own = h.containers[c.Name]
	} else if own.IsEmpty() {
		own = h.all()
	}
	switch {
	case own.IsEmpty():
		return map[string][]topology.Hint{string(v1.ResourceCPU): m.topology.hints(n, m.free(), h.reusable)}
	case own.Size() != n:
		return map[string][]topology.Hint{string(v1.ResourceCPU): {}}
	}
	return map[string][]topology.Hint{string(v1.ResourceCPU): m.topology.hints(n, own, cpuset.New())}
}

// hints are the sets of NUMA nodes with n CPUs that are free, or that the pod has already and can use again, all of
// these among them. Those are preferred that are no more nodes than n CPUs need on an empty machine.
func (t Topology) hints(n int, free, reusable cpuset.CPUSet) []topology.Hint {
	out := []topology.Hint{}
	least := t.nodes().Count()
	for nodes := range t.nodes().Subsets() {
		all := t.Near(nodes)
		if all.Size() >= n {
			least = min(least, nodes.Count())
		}
		if reusable.IsSubsetOf(all) && all.Intersection(free.Union(reusable)).Size() >= n {
			out = append(out, topology.Hint{Nodes: nodes})
		}
	}
	for i := range out {
		out[i].Preferred = out[i].Nodes.Count() == least
	}
	return out
}
