package cpumanager

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/cpuset"
)

// document is the file's form.
type document struct {
	PolicyName    string                          `json:"policyName"`
	DefaultCPUSet string                          `json:"defaultCpuSet"`
	Entries       map[types.UID]map[string]string `json:"entries,omitempty"`
	PodEntries    map[types.UID]pool              `json:"podEntries,omitempty"`
}

// pool are the CPUs of a pod as a whole.
type pool struct {
	CPUSet string `json:"cpuSet"`
	Shared string `json:"shared,omitempty"`
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
	of := func(uid types.UID) *holding {
		if out[uid] == nil {
			out[uid] = &holding{containers: map[string]cpuset.CPUSet{}}
		}
		return out[uid]
	}
	var err error
	for uid, containers := range d.Entries {
		for name, list := range containers {
			if of(uid).containers[name], err = cpuset.Parse(list); err != nil {
				return nil, err
			}
		}
	}
	for uid, p := range d.PodEntries {
		if of(uid).pool, err = cpuset.Parse(p.CPUSet); err != nil {
			return nil, err
		}
		if of(uid).shared, err = cpuset.Parse(p.Shared); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// document is what the file is to say; m.mu is held.
func (m *Manager) document() document {
	d := document{PolicyName: Static, DefaultCPUSet: m.shared().String(), Entries: map[types.UID]map[string]string{}, PodEntries: map[types.UID]pool{}}
	for uid, h := range m.entries {
		if !h.pool.IsEmpty() {
			d.PodEntries[uid] = pool{h.pool.String(), h.shared.String()}
		}
		for name, set := range h.containers {
			if d.Entries[uid] == nil {
				d.Entries[uid] = map[string]string{}
			}
			d.Entries[uid][name] = set.String()
		}
	}
	return d
}
