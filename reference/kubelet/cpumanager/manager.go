package cpumanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	v1 "k8s.io/api/core/v1"
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
	// File remembers who has which, over restarts of the agent.
	File string
}

// Manager knows who has which CPUs.
type Manager struct {
	topology Topology
	options  Options

	mu      sync.Mutex
	entries map[types.UID]map[string]cpuset.CPUSet
}

// New reads what was remembered. Some CPU has to be reserved, since containers without their own need one.
func New(t Topology, o Options) (*Manager, error) {
	if o.Reserved.IsEmpty() {
		if o.ReservedCount <= 0 || o.ReservedCount > len(t) {
			return nil, errors.New("cpuManagerPolicy static: some CPU must be reserved, by systemReserved, kubeReserved or reservedSystemCPUs")
		}
		o.Reserved = t.take(t.All(), o.ReservedCount)
	}
	if !o.Reserved.IsSubsetOf(t.All()) {
		return nil, fmt.Errorf("reservedSystemCPUs: %s: the node has %s", o.Reserved, t.All())
	}
	m := &Manager{topology: t, options: o, entries: map[types.UID]map[string]cpuset.CPUSet{}}
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

// Allocate gives the pod's containers their CPUs, or says why not; a pod that has its CPUs keeps them. It tells
// whether what others share has become less.
func (m *Manager) Allocate(pod *v1.Pod, qos v1.PodQOSClass) (changed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, has := m.entries[pod.UID]; has {
		return false, nil
	}
	got, why := m.topology.plan(pod, qos, m.shared().Difference(m.options.Reserved), m.options.WholeCores)
	if why != nil {
		return false, why
	}
	if len(got) == 0 {
		return false, nil
	}
	m.entries[pod.UID] = got
	if err := m.write(); err != nil {
		delete(m.entries, pod.UID)
		return false, &Refusal{"UnexpectedAdmissionError", fmt.Sprintf("Allocate failed due to %v, which is unexpected", err)}
	}
	return true, nil
}

// Release takes the pod's CPUs back and tells whether it had any.
func (m *Manager) Release(uid types.UID) (changed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, has := m.entries[uid]; !has {
		return false, nil
	}
	delete(m.entries, uid)
	return true, m.write()
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
	if got, has := m.entries[uid][container]; has {
		return got, true
	}
	return m.shared(), false
}

// Pins tells whether any container of the pod has CPUs of its own.
func (m *Manager) Pins(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries[uid]) > 0
}

// shared are the CPUs that nobody has for itself, the reserved ones among them.
func (m *Manager) shared() cpuset.CPUSet {
	left := m.topology.All()
	for _, containers := range m.entries {
		for _, set := range containers {
			left = left.Difference(set)
		}
	}
	return left.Union(m.options.Reserved)
}

// document is the file's form, which is upstream's.
type document struct {
	PolicyName    string                          `json:"policyName"`
	DefaultCPUSet string                          `json:"defaultCpuSet"`
	Entries       map[types.UID]map[string]string `json:"entries,omitempty"`
}

func parse(text []byte) (map[types.UID]map[string]cpuset.CPUSet, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	if d.PolicyName != Static {
		return nil, fmt.Errorf("written by the policy %q", d.PolicyName)
	}
	out := map[types.UID]map[string]cpuset.CPUSet{}
	for uid, containers := range d.Entries {
		out[uid] = map[string]cpuset.CPUSet{}
		for name, list := range containers {
			set, err := cpuset.Parse(list)
			if err != nil {
				return nil, err
			}
			out[uid][name] = set
		}
	}
	return out, nil
}

// write replaces the file as a whole. m.mu is held.
func (m *Manager) write() error {
	d := document{PolicyName: Static, DefaultCPUSet: m.shared().String(), Entries: map[types.UID]map[string]string{}}
	for uid, containers := range m.entries {
		d.Entries[uid] = map[string]string{}
		for name, set := range containers {
			d.Entries[uid][name] = set.String()
		}
	}
	text, err := json.Marshal(d)
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
	return os.Rename(f.Name(), m.options.File)
}
