package memorymanager

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// Options of the policy.
type Options struct {
	Reserved Reserved
	// PodScope: a pod with resources of its own gets its memory together.
	PodScope bool
	// File remembers who has what, over restarts of the agent.
	File string
}

// Manager knows who has which memory.
type Manager struct {
	machine topology.Machine
	options Options

	mu      sync.Mutex
	entries map[types.UID]*holding
	unsaved bool
}

// holding is what a pod has.
type holding struct {
	containers map[string][]Block
	// pool is the memory of the pod as a whole, if it has some.
	pool []Block
	// ended are init containers that end: what they have is used again by those that start after them.
	ended []string
}

// New reads what was remembered, which the machine has to have.
func New(m topology.Machine, o Options) (*Manager, error) {
	out := &Manager{machine: m, options: o, entries: map[types.UID]*holding{}}
	text, err := os.ReadFile(o.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if out.entries, err = parse(text); err != nil {
			return nil, &fs.PathError{Op: "read", Path: o.File, Err: err}
		}
	}
	if _, err := out.table(); err != nil {
		return nil, fmt.Errorf("%s: the machine is not the one that memory was given out of: %w", o.File, err)
	}
	return out, nil
}

// table is what there is, without what pods have; m.mu is held.
func (m *Manager) table() (table, error) {
	t, err := empty(m.machine, m.options.Reserved)
	if err != nil {
		return nil, err
	}
	for _, uid := range slices.Sorted(maps.Keys(m.entries)) {
		h := m.entries[uid]
		blocks := slices.Clone(h.pool)
		for _, name := range slices.Sorted(maps.Keys(h.containers)) {
			blocks = append(blocks, h.containers[name]...)
		}
		for _, b := range blocks {
			if err := t.take(b); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// Hints tells which NUMA nodes the memory could come from that the container gets for itself, or all of the pod's.
func (m *Manager) Hints(pod *v1.Pod, c *v1.Container) map[string][]topology.Hint {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.entries[pod.UID]
	var wants map[v1.ResourceName]int64
	var has topology.Nodes
	switch {
	case c != nil:
		wants = asks(pod, c)
		has = h.nodes(c.Name)
	case pod.Spec.Resources != nil:
		wants = together(pod)
	default:
		wants = most(pod)
	}
	if c == nil && h != nil {
		has = h.all()
	}
	t, err := m.table()
	if err != nil || len(wants) == 0 {
		return nil
	}
	hints := t.hints(wants, h.again())
	if has != 0 {
		hints = []topology.Hint{{Nodes: has, Preferred: true}}
	}
	out := map[string][]topology.Hint{}
	for name := range wants {
		out[string(name)] = hints
	}
	return out
}

// Allocate sets memory aside for the container if it is to have some; one that has keeps it. With the scope pod, a pod with
// resources of its own gets all of its memory with its first container.
func (m *Manager) Allocate(pod *v1.Pod, c *v1.Container, near topology.Hint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.entries[pod.UID]
	if h == nil {
		h = &holding{containers: map[string][]Block{}}
	}
	wants := asks(pod, c)
	whole := m.options.PodScope && pod.Spec.Resources != nil
	if whole {
		wants = together(pod)
	}
	if _, has := h.containers[c.Name]; has || len(h.pool) > 0 || len(wants) == 0 {
		return nil
	}
	if whole {
		if err := divisible(pod, wants); err != nil {
			return err
		}
	}
	t, err := m.table()
	if err != nil {
		return err
	}
	nodes, err := t.choose(wants, near, h.again())
	if err != nil {
		return err
	}
	var blocks []Block
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		blocks = append(blocks, Block{NUMAAffinity: nodes.List(), Type: name, Size: wants[name]})
	}
	if whole {
		h.pool = blocks
	} else {
		h.reuse(blocks)
		if h.containers[c.Name] = blocks; topology.Ends(pod, c) {
			h.ended = append(h.ended, c.Name)
		}
	}
	m.entries[pod.UID], m.unsaved = h, true
	return nil
}

// divisible tells whether those containers find memory that have none to themselves in what the pod has as a whole.
func divisible(pod *v1.Pod, has map[v1.ResourceName]int64) error {
	var own int64
	shares := false
	for c := range topology.Containers(pod) {
		bytes := asks(pod, c)[v1.ResourceMemory]
		shares = shares || bytes == 0
		if !topology.Ends(pod, c) {
			own += bytes
		}
	}
	if shares && own >= has[v1.ResourceMemory] {
		return fmt.Errorf("[memorymanager] pod shared pool is empty: containers with exclusive memory use all %d bytes of the pod", own)
	}
	return nil
}

// Release gives back what the pod has.
func (m *Manager) Release(uid types.UID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, has := m.entries[uid]; !has {
		return nil
	}
	delete(m.entries, uid)
	return m.write()
}

// Retain releases what pods have that are not there any more.
func (m *Manager) Retain(there func(types.UID) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.entries)
	maps.DeleteFunc(m.entries, func(uid types.UID, _ *holding) bool { return !there(uid) })
	if len(m.entries) == before {
		return nil
	}
	return m.write()
}

// Nodes are the NUMA nodes whose memory the container is to use, none if it may use any.
func (m *Manager) Nodes(uid types.UID, container string) topology.Nodes {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[uid].nodes(container)
}

// Blocks are what is set aside for the container.
func (m *Manager) Blocks(uid types.UID, container string) []Block {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.entries[uid]; h != nil {
		return slices.Clone(h.containers[container])
	}
	return nil
}

// nodes are those that the container's memory comes from.
func (h *holding) nodes(container string) (out topology.Nodes) {
	if h == nil {
		return 0
	}
	for _, b := range slices.Concat(h.pool, h.containers[container]) {
		out |= b.nodes()
	}
	return out
}

// all are the nodes that the pod's memory comes from.
func (h *holding) all() (out topology.Nodes) {
	for name := range h.containers {
		out |= h.nodes(name)
	}
	return out | h.nodes("")
}

// again tells what of the memory of init containers can be used again.
func (h *holding) again() reuse {
	if h == nil {
		return nothing
	}
	return func(nodes topology.Nodes, name v1.ResourceName) (sum int64) {
		for _, ended := range h.ended {
			for _, b := range h.containers[ended] {
				if b.nodes() == nodes && b.Type == name {
					sum += b.Size
				}
			}
		}
		return sum
	}
}

// reuse takes from init containers what the new blocks need, so that nothing is counted twice.
func (h *holding) reuse(blocks []Block) {
	for _, b := range blocks {
		left := b.Size
		for _, ended := range h.ended {
			for i := range h.containers[ended] {
				if old := &h.containers[ended][i]; old.nodes() == b.nodes() && old.Type == b.Type {
					some := min(left, old.Size)
					old.Size, left = old.Size-some, left-some
				}
			}
		}
	}
}
