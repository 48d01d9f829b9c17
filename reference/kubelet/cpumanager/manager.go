package cpumanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/cpuset"
)

// Static is the policy's name.
const Static = "static"

// Options of the policy.
type Options struct {
	// Reserved are CPUs that no container gets for itself; if there are none, as many as ReservedCount are chosen.
	Reserved      cpuset.CPUSet
	ReservedCount int
	// WholeCores: containers get whole cores or nothing (full-pcpus-only).
	WholeCores bool
	// Spread: who needs more than a NUMA node has gets the same from each (distribute-cpus-across-numa).
	Spread bool
	// Strict: no container uses what is reserved (strict-cpu-reservation).
	Strict bool
	// Caches: a container's CPUs share a last-level cache if they can (prefer-align-cpus-by-uncorecache).
	Caches bool
	// PodScope: a pod with resources of its own gets its CPUs together.
	PodScope bool
	// File remembers who has which, over restarts of the agent.
	File string
}

// Manager knows who has which CPUs.
type Manager struct {
	topology Topology
	options  Options

	mu      sync.Mutex
	entries map[types.UID]*holding
	// unsaved: the file does not say all that entries do.
	unsaved bool
}

// New reads what was remembered. Some CPU has to be reserved, since containers without their own need one.
func New(t Topology, o Options) (*Manager, error) {
	if o.Reserved.IsEmpty() {
		if o.ReservedCount <= 0 || o.ReservedCount > len(t) {
			return nil, errors.New("cpuManagerPolicy static: some CPU must be reserved, by systemReserved, kubeReserved or reservedSystemCPUs")
		}
		o.Reserved = t.take(t.All(), o.ReservedCount, false)
	}
	if !o.Reserved.IsSubsetOf(t.All()) {
		return nil, fmt.Errorf("reservedSystemCPUs: %s: the node has %s", o.Reserved, t.All())
	}
	m := &Manager{topology: t, options: o, entries: map[types.UID]*holding{}}
	text, err := os.ReadFile(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if m.entries, err = parse(text); err != nil {
		return nil, &fs.PathError{Op: "read", Path: o.File, Err: err}
	}
	return m, nil
}

// Save remembers what the pod got.
func (m *Manager) Save(types.UID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.unsaved {
		return nil
	}
	return m.write()
}

// Release takes the pod's CPUs back.
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
	for uid := range m.entries {
		if !there(uid) {
			delete(m.entries, uid)
		}
	}
	if len(m.entries) == before {
		return nil
	}
	return m.write()
}

// CPUs are those that the container may use, and whether they are its own.
func (m *Manager) CPUs(uid types.UID, container string) (set cpuset.CPUSet, own bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.entries[uid]; h != nil {
		if got, has := h.containers[container]; has {
			return got, true
		}
		if !h.shared.IsEmpty() {
			return h.shared, false
		}
	}
	return m.shared(), false
}

// Holds tells whether the pod has CPUs that no other pod uses, Pins whether any of its containers has some to itself.
func (m *Manager) Holds(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[uid] != nil
}

// Pins tells whether any container of the pod has CPUs of its own.
func (m *Manager) Pins(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.entries[uid]
	return h != nil && len(h.containers) > 0
}

// Allocatable are the CPUs that containers can have for themselves if nobody else has.
func (m *Manager) Allocatable() cpuset.CPUSet {
	return m.topology.All().Difference(m.options.Reserved)
}

// free are the CPUs that a container can get for itself; m.mu is held.
func (m *Manager) free() cpuset.CPUSet { return m.left().Difference(m.options.Reserved) }

// left are the CPUs that nobody has for itself; m.mu is held.
func (m *Manager) left() cpuset.CPUSet {
	left := m.topology.All()
	for _, h := range m.entries {
		left = left.Difference(h.all())
	}
	return left
}

// shared are the CPUs of all that have none for themselves; m.mu is held.
func (m *Manager) shared() cpuset.CPUSet {
	if m.options.Strict {
		return m.free()
	}
	return m.left().Union(m.options.Reserved)
}

// write replaces the file as a whole. m.mu is held.
func (m *Manager) write() error {
	text, err := json.Marshal(m.document())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.options.File), ".cpus-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), m.options.File); err == nil {
		m.unsaved = false
	}
	return err
}
