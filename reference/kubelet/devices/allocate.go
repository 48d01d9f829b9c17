package devices

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// requests are what is wanted of the plugins' resources: by the container, or by the pod if it has no name.
func (m *Manager) requests(pod *v1.Pod, c *v1.Container, limits v1.ResourceList) []request {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []request
	for _, name := range m.wanted(limits) {
		count := limits[v1.ResourceName(name)]
		r := request{resource: name, count: int(count.Value()), available: m.available(name)}
		if held := m.held.get(pod.UID, c.Name, name); held != nil {
			r.has = slices.Clone(held.devices)
		}
		i := m.resources[name]
		if i != nil {
			r.all = slices.Collect(maps.Values(i.devices))
		}
		if c.Name != "" {
			for _, id := range m.held.reusable(pod, c.Name, name) {
				r.reusable = append(r.reusable, i.device(id))
			}
		}
		out = append(out, r)
	}
	return out
}

// wanted are the plugins' resources among the limits, in order; m.mu is held.
func (m *Manager) wanted(limits v1.ResourceList) []string {
	var out []string
	for name, amount := range limits {
		if !amount.IsZero() && Extended(name) && m.has(string(name)) {
			out = append(out, string(name))
		}
	}
	slices.Sort(out)
	return out
}

// available are the healthy devices that nobody has, in order; m.mu is held.
func (m *Manager) available(resource string) []Device {
	i := m.resources[resource]
	if i == nil {
		return nil
	}
	var out []Device
	used := m.held.inUse(resource)
	for _, id := range slices.Sorted(maps.Keys(i.devices)) {
		if i.healthy(id) && !used[id] {
			out = append(out, i.devices[id])
		}
	}
	return out
}

// device is the named one, though it may not be there any more.
func (i *inventory) device(id string) Device {
	if i != nil {
		if d, known := i.devices[id]; known {
			return d
		}
	}
	return Device{ID: id}
}

// Reserve chooses the container's devices, preferably close to the NUMA nodes, if it has none yet; no other container
// gets them then. Containers of a pod have to come in their order, init containers first.
func (m *Manager) Reserve(pod *v1.Pod, c *v1.Container, affinity []int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.wanted(c.Resources.Limits) {
		if err := m.reserve(pod, c, name, affinity, nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) reserve(pod *v1.Pod, c *v1.Container, resource string, affinity []int, preferred []string) error {
	limit := c.Resources.Limits[v1.ResourceName(resource)]
	count := int(limit.Value())
	if held := m.held.get(pod.UID, c.Name, resource); held != nil {
		if len(held.devices) != count {
			return fmt.Errorf("pod %q container %q changed request for resource %q from %d to %d", pod.UID, c.Name, resource, len(held.devices), count)
		}
		return nil
	}
	i := m.resources[resource]
	switch _, healthy := i.counted(); {
	case i == nil || i.dropped:
		return fmt.Errorf("cannot allocate unregistered device %s", resource)
	case healthy == 0:
		return fmt.Errorf("no healthy devices present; cannot allocate unhealthy devices %s", resource)
	}
	from := m.choice(pod, c, resource, affinity)
	from.preferred = preferred
	if lacking := from.lacking(); lacking > len(from.available) {
		return fmt.Errorf("requested number of devices unavailable for %s. Requested: %d, Available: %d", resource, lacking, len(from.available))
	}
	held := &holding{affinity: affinity}
	for _, id := range from.pick() {
		held.devices = append(held.devices, i.device(id))
	}
	m.held.set(pod.UID, c.Name, resource, held)
	return nil
}

func (i *inventory) counted() (capacity, allocatable int) {
	if i == nil {
		return 0, 0
	}
	return i.counts()
}

// choice is what the container's devices are chosen from; m.mu is held.
func (m *Manager) choice(pod *v1.Pod, c *v1.Container, resource string, affinity []int) choice {
	limit := c.Resources.Limits[v1.ResourceName(resource)]
	return choice{
		count: int(limit.Value()), affinity: affinity,
		reusable: m.held.reusable(pod, c.Name, resource), available: m.available(resource),
	}
}

// Pending tells whether plugins have to be asked yet for devices that are reserved for the pod.
func (m *Manager) Pending(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, resources := range m.held[uid] {
		for _, held := range resources {
			if held.answer == nil {
				return true
			}
		}
	}
	return false
}

// Allocate has plugins prepare the devices that are reserved for the pod, having asked those that have preferences
// for them. It returns when the disk knows who has them.
func (m *Manager) Allocate(ctx context.Context, pod *v1.Pod) error {
	asked := false
	for at, c := range order(pod) {
		m.mu.Lock()
		names := m.wanted(c.Resources.Limits)
		m.mu.Unlock()
		for _, name := range names {
			did, err := m.allocate(ctx, pod, at, name)
			if err != nil {
				return err
			}
			asked = asked || did
		}
	}
	if !asked {
		return nil
	}
	return m.remember()
}

// allocate asks the plugin about one resource of the container at that place of the order.
func (m *Manager) allocate(ctx context.Context, pod *v1.Pod, at int, resource string) (asked bool, err error) {
	c := order(pod)[at]
	m.mu.Lock()
	held, p := m.held.get(pod.UID, c.Name, resource), m.plugin(resource)
	m.mu.Unlock()
	if held == nil || held.answer != nil {
		return false, nil
	}
	if p == nil {
		return false, fmt.Errorf("endpoint not found in cache for a registered resource: %s", resource)
	}
	if p.options.GetGetPreferredAllocationAvailable() {
		if held, err = m.improve(ctx, p, pod, at, held.affinity); err != nil {
			return false, err
		}
	}
	answer, err := p.allocate(ctx, held.ids())
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held.get(pod.UID, c.Name, resource) != held {
		return false, errors.New("the pod has ended")
	}
	held.answer = answer
	return true, nil
}

func (m *Manager) plugin(resource string) *plugin {
	if i := m.resources[resource]; i != nil {
		return i.plugin
	}
	return nil
}

// improve chooses anew what is reserved for the container, now that the plugin says what it prefers, and for those
// after it, which may get what this one leaves behind.
func (m *Manager) improve(ctx context.Context, p *plugin, pod *v1.Pod, at int, affinity []int) (*holding, error) {
	all := order(pod)
	m.mu.Lock()
	before := m.drop(pod, all[at:], p.resource)
	question := m.choice(pod, all[at], p.resource, affinity)
	m.restore(pod, before, p.resource)
	m.mu.Unlock()
	preferred, err := p.prefer(ctx, question)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held.get(pod.UID, all[at].Name, p.resource) != before[all[at].Name] {
		return nil, errors.New("the pod has ended")
	}
	m.drop(pod, all[at:], p.resource)
	for i, c := range all[at:] {
		old := before[c.Name]
		if old == nil {
			continue
		}
		wish := preferred
		if i > 0 {
			wish = nil
		}
		if err := m.reserve(pod, c, p.resource, old.affinity, wish); err != nil {
			return nil, err
		}
	}
	return m.held.get(pod.UID, all[at].Name, p.resource), nil
}

// drop takes back what is reserved for the containers and returns it; m.mu is held.
func (m *Manager) drop(pod *v1.Pod, containers []*v1.Container, resource string) map[string]*holding {
	out := map[string]*holding{}
	for _, c := range containers {
		if held := m.held.get(pod.UID, c.Name, resource); held != nil && held.answer == nil {
			out[c.Name] = held
			m.held.drop(pod.UID, c.Name, resource)
		}
	}
	return out
}

func (m *Manager) restore(pod *v1.Pod, before map[string]*holding, resource string) {
	for container, held := range before {
		m.held.set(pod.UID, container, resource, held)
	}
}
