// Package devices gives containers the devices of device plugins
// (docs: concepts/extend-kubernetes/compute-storage-net/device-plugins).
package devices

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// checkpointName is the file's in the directory of sockets.
const checkpointName = "kubelet_internal_checkpoint"

// Options of a Manager.
type Options struct {
	// Dir is where plugins have their sockets, and find the kubelet's.
	Dir string
	// Changed hears that the resources of the node, or the health of devices that these pods have, are not as before.
	Changed func(pods []types.UID)
}

// Manager knows the devices and who has them.
type Manager struct {
	Options
	ctx     context.Context
	running sync.WaitGroup

	mu        sync.Mutex
	resources map[string]*inventory
	held      holdings
	// storing is held by whoever writes the checkpoint.
	storing sync.Mutex
}

// New reads what was remembered. The Manager works until ctx ends.
func New(ctx context.Context, o Options) (*Manager, error) {
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, err
	}
	m := &Manager{Options: o, ctx: ctx, resources: map[string]*inventory{}}
	names, held, err := load(m.checkpoint())
	if err != nil {
		return nil, err
	}
	m.held = held
	for _, name := range names {
		m.resources[name] = &inventory{left: time.Now()}
	}
	return m, nil
}

func (m *Manager) checkpoint() string { return filepath.Join(m.Dir, checkpointName) }

// remember writes the checkpoint. It returns when the disk has it.
func (m *Manager) remember() error {
	m.storing.Lock()
	defer m.storing.Unlock()
	m.mu.Lock()
	var names []string
	for name, i := range m.resources {
		if !i.dropped {
			names = append(names, name)
		}
	}
	text, err := format(names, m.held)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return store(m.checkpoint(), text)
}

// Extended tells whether the name is that of a resource that Kubernetes itself knows nothing of.
func Extended(name v1.ResourceName) bool {
	text := string(name)
	return strings.Contains(text, "/") && !strings.Contains(text, v1.ResourceDefaultNamespacePrefix) &&
		!strings.HasPrefix(text, v1.DefaultResourceRequestsPrefix) && len(validation.IsQualifiedName(v1.DefaultResourceRequestsPrefix+text)) == 0
}

// connected takes a plugin in; one that was there for the same resource is let go.
func (m *Manager) connected(p *plugin) {
	m.mu.Lock()
	i := m.resources[p.resource]
	if i == nil {
		i = &inventory{}
		m.resources[p.resource] = i
	}
	old := i.plugin
	i.plugin, i.dropped = p, false
	if old == nil {
		// What the last one had is not this one's until it says so.
		for id, d := range i.devices {
			d.Healthy = false
			i.devices[id] = d
		}
	}
	m.mu.Unlock()
	if old != nil {
		old.cancel()
	}
	if err := m.remember(); err != nil {
		klog.FromContext(m.ctx).Error(err, "Cannot remember a device plugin", "resource", p.resource)
	}
	klog.FromContext(m.ctx).Info("Device plugin registered", "resource", p.resource, "socket", p.socket)
}

// listed takes over which devices there are.
func (m *Manager) listed(p *plugin, list []*api.Device) {
	m.change(p, func(i *inventory) { i.devices = listed(list) })
}

// disconnected says that the plugin cannot be reached any more.
func (m *Manager) disconnected(p *plugin) {
	if m.ctx.Err() == nil {
		m.change(p, func(i *inventory) { i.plugin, i.left = nil, time.Now() })
	}
}

// change changes what is known of the plugin's devices unless there is another one meanwhile, and tells.
func (m *Manager) change(p *plugin, how func(*inventory)) {
	m.mu.Lock()
	i := m.resources[p.resource]
	if i == nil || i.plugin != p {
		m.mu.Unlock()
		return
	}
	how(i)
	pods := m.held.holders(p.resource)
	m.mu.Unlock()
	m.Changed(pods)
}

// Resources are what the node has of the plugins' resources, and what of it can be given to pods.
func (m *Manager) Resources(now time.Time) (capacity, allocatable v1.ResourceList) {
	capacity, allocatable = v1.ResourceList{}, v1.ResourceList{}
	m.mu.Lock()
	expired := false
	for name, i := range m.resources {
		expired = i.expire(now) || expired
		all, healthy := i.counts()
		capacity[v1.ResourceName(name)], allocatable[v1.ResourceName(name)] = quantity(all), quantity(healthy)
	}
	m.mu.Unlock()
	if expired {
		if err := m.remember(); err != nil {
			klog.FromContext(m.ctx).Error(err, "Cannot forget a device plugin")
		}
	}
	return capacity, allocatable
}

// Has tells whether the resource is one of plugins': one has registered it, or a container has devices of it.
func (m *Manager) Has(resource v1.ResourceName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.has(string(resource))
}

func (m *Manager) has(resource string) bool {
	i := m.resources[resource]
	return i != nil && !i.dropped || len(m.held.inUse(resource)) > 0
}

// Release takes the pod's devices back.
func (m *Manager) Release(uid types.UID) error {
	m.mu.Lock()
	_, has := m.held[uid]
	delete(m.held, uid)
	m.mu.Unlock()
	if !has {
		return nil
	}
	return m.remember()
}

// Retain takes back what pods have that are not there any more.
func (m *Manager) Retain(there func(types.UID) bool) error {
	m.mu.Lock()
	var failures []error
	gone := slices.DeleteFunc(slices.Collect(maps.Keys(m.held)), there)
	m.mu.Unlock()
	for _, uid := range gone {
		failures = append(failures, m.Release(uid))
	}
	return errors.Join(failures...)
}

// Health is how the container's devices are, by resource (KEP-4680).
func (m *Manager) Health(uid types.UID, container string) []v1.ResourceStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	resources := m.held[uid][container]
	var out []v1.ResourceStatus
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		s := v1.ResourceStatus{Name: v1.ResourceName(name)}
		for _, id := range resources[name].ids() {
			s.Resources = append(s.Resources, v1.ResourceHealth{ResourceID: v1.ResourceID(id), Health: m.resources[name].health(id)})
		}
		out = append(out, s)
	}
	return out
}

// Allocated are the container's devices, by resource.
func (m *Manager) Allocated(uid types.UID, container string) map[string][]Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]Device{}
	for name, held := range m.held[uid][container] {
		out[name] = slices.Clone(held.devices)
	}
	return out
}

// Allocatable are the devices that can be given to containers or were, by resource, in order.
func (m *Manager) Allocatable() map[string][]Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]Device{}
	for name, i := range m.resources {
		for _, id := range slices.Sorted(maps.Keys(i.devices)) {
			if i.healthy(id) {
				out[name] = append(out[name], i.devices[id])
			}
		}
	}
	return out
}
