package memorymanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
)

// Static is the policy's name.
const Static = "Static"

// document is the file's form.
type document struct {
	PolicyName   string                           `json:"policyName"`
	MachineState table                            `json:"machineState"`
	Entries      map[types.UID]map[string][]Block `json:"entries,omitempty"`
	PodEntries   map[types.UID][]Block            `json:"podEntries,omitempty"`
}

func parse(text []byte) (map[types.UID]*holding, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	if d.PolicyName != Static {
		return nil, fmt.Errorf("written by the policy %q", d.PolicyName)
	}
	out := map[types.UID]*holding{}
	check := func(blocks []Block) error {
		for _, b := range blocks {
			if b.Size < 0 || len(b.NUMAAffinity) == 0 || !isMemory(b.Type) {
				return fmt.Errorf("%d bytes of %q on NUMA nodes %v", b.Size, b.Type, b.NUMAAffinity)
			}
			for _, id := range b.NUMAAffinity {
				if id < 0 || id > 63 {
					return fmt.Errorf("NUMA node %d", id)
				}
			}
		}
		return nil
	}
	for uid, containers := range d.Entries {
		out[uid] = &holding{containers: map[string][]Block{}}
		for name, blocks := range containers {
			if err := check(blocks); err != nil {
				return nil, err
			}
			out[uid].containers[name] = blocks
		}
	}
	for uid, blocks := range d.PodEntries {
		if err := check(blocks); err != nil {
			return nil, err
		}
		if out[uid] == nil {
			out[uid] = &holding{containers: map[string][]Block{}}
		}
		out[uid].pool = blocks
	}
	return out, nil
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

// write replaces the file as a whole; m.mu is held.
func (m *Manager) write() error {
	t, err := m.table()
	if err != nil {
		return err
	}
	d := document{PolicyName: Static, MachineState: t, Entries: map[types.UID]map[string][]Block{}, PodEntries: map[types.UID][]Block{}}
	for uid, h := range m.entries {
		if len(h.containers) > 0 {
			d.Entries[uid] = h.containers
		}
		if len(h.pool) > 0 {
			d.PodEntries[uid] = h.pool
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.options.File), ".memory-")
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
