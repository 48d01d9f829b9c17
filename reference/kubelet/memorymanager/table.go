// Package memorymanager sets memory and huge pages of NUMA nodes aside for containers of guaranteed pods, by the policy
// "Static" (docs: tasks/administer-cluster/memory-manager, KEP-1769).
package memorymanager

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// Block is an amount of one kind of memory that comes from a group of NUMA nodes.
type Block struct {
	NUMAAffinity []int           `json:"numaAffinity"`
	Type         v1.ResourceName `json:"type"`
	Size         int64           `json:"size"`
}

func (b Block) nodes() topology.Nodes { return topology.NodesOf(b.NUMAAffinity...) }

// amount is how much a node has of one kind of memory, in bytes.
type amount struct {
	Total          int64 `json:"total"`
	SystemReserved int64 `json:"systemReserved"`
	Allocatable    int64 `json:"allocatable"`
	Reserved       int64 `json:"reserved"`
	Free           int64 `json:"free"`
}

// node is what there is of one NUMA node.
type node struct {
	// Assignments are how many blocks come from it.
	Assignments int                         `json:"numberOfAssignments"`
	Memory      map[v1.ResourceName]*amount `json:"memoryMap"`
	// Cells are the nodes that it belongs together with: who gets memory of one may use all.
	Cells []int `json:"cells"`
}

// table is what there is of all NUMA nodes.
type table map[int]*node

// isMemory tells whether the resource is memory or huge pages.
func isMemory(name v1.ResourceName) bool {
	return name == v1.ResourceMemory || strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix)
}

// pageName is the name of the resource of huge pages of that size in bytes.
func pageName(size int64) v1.ResourceName {
	return v1.ResourceName(v1.ResourceHugePagesPrefix + resource.NewQuantity(size, resource.BinarySI).String())
}

// empty is the machine with what the system keeps for itself, before anybody got anything.
func empty(m topology.Machine, reserved Reserved) (table, error) {
	t := table{}
	for _, n := range m {
		t[n.ID] = &node{Memory: map[v1.ResourceName]*amount{}, Cells: []int{n.ID}}
		left := n.Memory
		for size, count := range n.HugePages {
			t[n.ID].Memory[pageName(size)] = &amount{Total: size * count, Allocatable: size * count}
			left -= size * count
		}
		t[n.ID].Memory[v1.ResourceMemory] = &amount{Total: n.Memory, Allocatable: left}
		for name, bytes := range reserved[n.ID] {
			a := t[n.ID].Memory[name]
			if a == nil || a.Allocatable < bytes {
				return nil, fmt.Errorf("reservedMemory: NUMA node %d has less than %d bytes of %s", n.ID, bytes, name)
			}
			a.SystemReserved, a.Allocatable = bytes, a.Allocatable-bytes
		}
		for _, a := range t[n.ID].Memory {
			a.Free = a.Allocatable
		}
	}
	return t, nil
}

// take counts the block as given away; an error tells that there is not as much.
func (t table) take(b Block) error {
	left := b.Size
	for _, id := range b.NUMAAffinity {
		n := t[id]
		if n == nil || n.Memory[b.Type] == nil {
			return fmt.Errorf("NUMA node %d has no %s", id, b.Type)
		}
		n.Assignments++
		n.Cells = b.NUMAAffinity
		a := n.Memory[b.Type]
		some := min(left, a.Free)
		a.Free, a.Reserved, left = a.Free-some, a.Reserved+some, left-some
	}
	if left > 0 {
		return fmt.Errorf("NUMA nodes %v have %d bytes of %s too few", b.NUMAAffinity, left, b.Type)
	}
	return nil
}

// all are the machine's nodes.
func (t table) all() (n topology.Nodes) {
	for id := range t {
		n |= topology.NodesOf(id)
	}
	return n
}

// sum is how much the nodes have free of it, and how much they had when nobody had any.
func (t table) sum(nodes topology.Nodes, name v1.ResourceName) (free, allocatable int64) {
	for _, id := range nodes.List() {
		if a := t[id].Memory[name]; a != nil {
			free, allocatable = free+a.Free, allocatable+a.Allocatable
		}
	}
	return free, allocatable
}
