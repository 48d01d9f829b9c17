package devices

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// Provider lets the topology manager say from which NUMA nodes devices come.
type Provider struct {
	Manager *Manager
	// Nodes are the machine's.
	Nodes topology.Nodes
}

// Hints implements topology.Provider.
func (p Provider) Hints(pod *v1.Pod, c *v1.Container) map[string][]topology.Hint {
	out := map[string][]topology.Hint{}
	for _, r := range p.requests(pod, c) {
		out[r.resource] = r.hints(p.Nodes)
	}
	return out
}

func (p Provider) requests(pod *v1.Pod, c *v1.Container) []request {
	if c != nil {
		return p.Manager.requests(pod, c, c.Resources.Limits)
	}
	all := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})
	return p.Manager.requests(pod, &v1.Container{}, all)
}

// Allocate implements topology.Provider: it reserves, and the plugins are asked later.
func (p Provider) Allocate(pod *v1.Pod, c *v1.Container, near topology.Hint) error {
	return p.Manager.Reserve(pod, c, near.Nodes.List())
}

// Save implements topology.Provider. What is only reserved need not be remembered.
func (p Provider) Save(types.UID) error { return nil }

// Release implements topology.Provider.
func (p Provider) Release(uid types.UID) error { return p.Manager.Release(uid) }

// Retain implements topology.Provider.
func (p Provider) Retain(there func(types.UID) bool) error { return p.Manager.Retain(there) }

// request is what is wanted of one resource, and where that could come from.
type request struct {
	resource string
	count    int
	// available can be had; reusable are those that init containers of the pod leave behind; all are the resource's.
	available, reusable, all []Device
	// has are the devices that the container has already.
	has []Device
}

// hints are the sets of NUMA nodes that are close to enough devices, all reusable ones among them; nil if it does not
// matter. Those are preferred that are no more nodes than it would take if all devices were free.
func (r request) hints(machine topology.Nodes) []topology.Hint {
	matters := false
	for _, d := range r.all {
		matters = matters || len(d.NUMA) > 0
	}
	if !matters {
		return nil
	}
	available, reusable := r.available, r.reusable
	if len(r.has) > 0 {
		available, reusable = r.has, nil
	}
	out := []topology.Hint{}
	if len(r.has) > 0 && len(r.has) != r.count || len(available)+len(reusable) < r.count {
		return out
	}
	least := machine.Count()
	for nodes := range machine.Subsets() {
		if near(r.all, nodes) >= r.count {
			least = min(least, nodes.Count())
		}
		if kept := near(reusable, nodes); kept == bound(reusable) && kept+near(available, nodes) >= r.count {
			out = append(out, topology.Hint{Nodes: nodes})
		}
	}
	for i := range out {
		out[i].Preferred = out[i].Nodes.Count() == least
	}
	return out
}

// near is how many of the devices are close to one of the nodes, bound how many are close to any.
func near(devices []Device, nodes topology.Nodes) int {
	n := 0
	for _, d := range devices {
		for _, node := range d.NUMA {
			if nodes.Has(node) {
				n++
				break
			}
		}
	}
	return n
}

func bound(devices []Device) int {
	n := 0
	for _, d := range devices {
		if len(d.NUMA) > 0 {
			n++
		}
	}
	return n
}
