package cpumanager

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// holding is what a pod has for itself.
type holding struct {
	// containers are the CPUs of each container that has some to itself.
	containers map[string]cpuset.CPUSet
	// pool are the CPUs of the pod as a whole, if it has some, and shared those of them that are no container's own: its
	// others run there.
	pool, shared cpuset.CPUSet
	// reusable are the CPUs of init containers that end, for those that start after them.
	reusable cpuset.CPUSet
}

// all are the pod's CPUs.
func (h *holding) all() cpuset.CPUSet {
	out := h.pool
	for _, set := range h.containers {
		out = out.Union(set)
	}
	return out
}

// Allocate gives the container CPUs of its own if it is to have some; one that has keeps them. With the scope pod, a pod with
// resources of its own gets all of its CPUs with its first container.
func (m *Manager) Allocate(pod *v1.Pod, c *v1.Container, near topology.Hint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.entries[pod.UID]
	if h == nil {
		h = &holding{containers: map[string]cpuset.CPUSet{}}
	}
	if m.options.PodScope && pod.Spec.Resources != nil {
		if !h.pool.IsEmpty() {
			return nil
		}
		return m.partition(pod, h, near.Nodes)
	}
	if _, has := h.containers[c.Name]; has {
		return nil
	}
	n := exclusive(pod, c)
	if n == 0 {
		return nil
	}
	if why := m.check(n, m.free().Union(h.reusable)); why != nil {
		return why
	}
	m.give(h, pod, c, n, m.free(), near.Nodes)
	m.entries[pod.UID], m.unsaved = h, true
	return nil
}

// partition gives the pod its CPUs and each of its containers its part of them.
func (m *Manager) partition(pod *v1.Pod, h *holding, near topology.Nodes) error {
	n := together(pod)
	if n == 0 {
		return nil
	}
	if why := m.check(n, m.free()); why != nil {
		return why
	}
	h.pool = m.pick(m.free(), n, near)
	h.shared = h.pool
	shares := false
	for c := range topology.Containers(pod) {
		n := exclusive(pod, c)
		if n == 0 {
			shares = true
			continue
		}
		free := h.pool
		for _, set := range h.containers {
			free = free.Difference(set)
		}
		if free.Union(h.reusable).Size() < n {
			return fmt.Errorf("not enough cpus available to satisfy request: requested=%d, available=%d", n, free.Union(h.reusable).Size())
		}
		if m.give(h, pod, c, n, free, near); !topology.Ends(pod, c) {
			h.shared = h.shared.Difference(h.containers[c.Name])
		}
	}
	if shares && h.shared.IsEmpty() {
		return fmt.Errorf("pod shared pool is empty: containers with exclusive cpus use all %d cpus of the pod", n)
	}
	m.entries[pod.UID], m.unsaved = h, true
	return nil
}

// give picks CPUs for one container, those first that init containers had.
func (m *Manager) give(h *holding, pod *v1.Pod, c *v1.Container, n int, free cpuset.CPUSet, near topology.Nodes) {
	got := m.pick(h.reusable, min(n, h.reusable.Size()), near)
	got = got.Union(m.pick(free.Difference(got), n-got.Size(), near))
	if h.containers[c.Name] = got; topology.Ends(pod, c) {
		h.reusable = h.reusable.Union(got)
	} else {
		h.reusable = h.reusable.Difference(got)
	}
}

// pick takes n of the CPUs, as many as there are near the nodes and the others from anywhere.
func (m *Manager) pick(free cpuset.CPUSet, n int, near topology.Nodes) cpuset.CPUSet {
	take := func(free cpuset.CPUSet, n int) cpuset.CPUSet {
		if !m.options.Spread {
			return m.topology.take(free, n, m.options.Caches)
		}
		step := 1
		if m.options.WholeCores {
			step = m.topology.perCore()
		}
		return m.topology.spread(free, n, step, m.options.Caches)
	}
	if near == 0 {
		return take(free, n)
	}
	nearby := free.Intersection(m.topology.Near(near))
	got := take(nearby, min(n, nearby.Size()))
	return got.Union(take(free.Difference(got), n-got.Size()))
}

// check tells why n CPUs cannot be given.
func (m *Manager) check(n int, free cpuset.CPUSet) error {
	if m.options.WholeCores {
		per := m.topology.perCore()
		if n%per != 0 {
			return &topology.Refusal{Reason: "SMTAlignmentError", Message: fmt.Sprintf("SMT Alignment Error: requested %d cpus not multiple cpus per core = %d", n, per)}
		}
		// Who shares a core with what is reserved would not have it for itself.
		if physical := free.Difference(m.topology.siblings(m.options.Reserved)).Size(); n > physical {
			return &topology.Refusal{Reason: "SMTAlignmentError", Message: fmt.Sprintf(
				"SMT Alignment Error: not enough free physical CPUs: available physical CPUs = %d, requested CPUs = %d, CPUs per core = %d", physical, n, per)}
		}
	}
	if free.Size() < n {
		return fmt.Errorf("not enough cpus available to satisfy request: requested=%d, available=%d", n, free.Size())
	}
	return nil
}
