// Package topology has the resources of a pod come from the same NUMA nodes (docs:
// tasks/administer-cluster/topology-manager). Those that hand out resources say which nodes these could come from; the
// policy picks the nodes or refuses the pod.
package topology

import (
	"fmt"
	"slices"
	"strconv"
)

// The values of topologyManagerPolicy.
const (
	None           = "none"
	BestEffort     = "best-effort"
	Restricted     = "restricted"
	SingleNUMANode = "single-numa-node"
)

// The values of topologyManagerScope: each container for itself, or all of a pod together.
const (
	ContainerScope = "container"
	PodScope       = "pod"
)

// The names of topologyManagerPolicyOptions.
const (
	PreferClosest = "prefer-closest-numa-nodes"
	MaxNodes      = "max-allowable-numa-nodes"
)

// defaultMaxNodes is the most nodes that a machine may have: there are 2^n sets of them.
const defaultMaxNodes = 8

// Policy says which nodes are good enough.
type Policy struct {
	Name  string
	Scope string
	// Closest: of sets of equally many nodes the one whose nodes are nearest to each other is the best.
	Closest bool
	// MaxNodes is the most nodes that a machine may have.
	MaxNodes int
}

// NewPolicy checks the configuration's values; empty ones stand for the defaults.
func NewPolicy(name, scope string, options map[string]string) (Policy, error) {
	p := Policy{Name: name, Scope: scope, MaxNodes: defaultMaxNodes}
	if p.Name == "" {
		p.Name = None
	}
	if p.Scope == "" {
		p.Scope = ContainerScope
	}
	if !slices.Contains([]string{None, BestEffort, Restricted, SingleNUMANode}, p.Name) {
		return p, fmt.Errorf("topologyManagerPolicy: %q: must be one of %q", name, []string{Restricted, BestEffort, None, SingleNUMANode})
	}
	if p.Scope != ContainerScope && p.Scope != PodScope {
		return p, fmt.Errorf("topologyManagerScope: %q: must be %q or %q", scope, ContainerScope, PodScope)
	}
	for option, value := range options {
		var err error
		switch option {
		case PreferClosest:
			if p.Closest, err = strconv.ParseBool(value); err != nil {
				return p, fmt.Errorf("topologyManagerPolicyOptions: %s: %q is neither true nor false", option, value)
			}
		case MaxNodes:
			if p.MaxNodes, err = strconv.Atoi(value); err != nil || p.MaxNodes < defaultMaxNodes || p.MaxNodes > maxNode {
				return p, fmt.Errorf("topologyManagerPolicyOptions: %s: %q: must be from %d to %d", option, value, defaultMaxNodes, maxNode)
			}
		default:
			return p, fmt.Errorf("topologyManagerPolicyOptions: %s: no such option", option)
		}
	}
	return p, nil
}

// Merge picks the nodes for resources that may come from these, and tells whether they are good enough. Each map is
// one provider's: a resource with no list may come from anywhere, one with an empty list cannot be had.
func (p Policy) Merge(m Machine, providers []map[string][]Hint) (Hint, bool) {
	if p.Name == None {
		return Hint{}, true
	}
	all := m.All()
	resources := lists(providers)
	if p.Name == SingleNUMANode {
		for i := range resources {
			resources[i] = slices.DeleteFunc(slices.Clone(resources[i]), func(h Hint) bool { return !h.Preferred || h.Nodes.Count() > 1 })
		}
	}
	best := merge(all, resources, p.better(m))
	if p.Name == SingleNUMANode && best.Nodes == all {
		// No node was singled out: it does not matter, or there is none.
		best.Nodes = 0
	}
	return best, p.Name == BestEffort || best.Preferred
}

func (p Policy) better(m Machine) better {
	if !p.Closest {
		return Nodes.narrower
	}
	return func(a, b Nodes) bool {
		if a.Count() == b.Count() {
			if x, y := m.distance(a), m.distance(b); x != y {
				return x < y
			}
		}
		return a.narrower(b)
	}
}

// lists returns the hints of each resource.
func lists(providers []map[string][]Hint) [][]Hint {
	var out [][]Hint
	for _, named := range providers {
		for _, hints := range named {
			switch {
			case hints == nil:
				hints = anywhere
			case len(hints) == 0:
				hints = nowhere
			}
			out = append(out, hints)
		}
	}
	return out
}
