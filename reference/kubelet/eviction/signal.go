// Package eviction decides when a node runs short of something, what that says of the node, and which pods
// must go for it (docs: concepts/scheduling-eviction/node-pressure-eviction). It touches nothing: what was
// observed and the time go in, decisions come out.
package eviction

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Signal names something that a node may run short of.
type Signal string

// The signals of the documentation.
const (
	MemoryAvailable       Signal = "memory.available"
	NodeFsAvailable       Signal = "nodefs.available"
	NodeFsInodesFree      Signal = "nodefs.inodesFree"
	ImageFsAvailable      Signal = "imagefs.available"
	ImageFsInodesFree     Signal = "imagefs.inodesFree"
	ContainerFsAvailable  Signal = "containerfs.available"
	ContainerFsInodesFree Signal = "containerfs.inodesFree"
	PIDAvailable          Signal = "pid.available"
	// AllocatableMemoryAvailable is what all pods together may still use of the memory that is set aside for
	// them. Nobody sets a threshold for it: it has that of MemoryAvailable.
	AllocatableMemoryAvailable Signal = "allocatableMemory.available"
)

// Signals are those that a configuration may name, in the order in which shortages are attended to: memory first.
var Signals = []Signal{
	MemoryAvailable, NodeFsAvailable, NodeFsInodesFree, ImageFsAvailable, ImageFsInodesFree, ContainerFsAvailable, ContainerFsInodesFree, PIDAvailable,
}

// The resources that signals stand for, where they are none of the API's.
const (
	inodes v1.ResourceName = "inodes"
	pids   v1.ResourceName = "pids"
)

// Resource is what messages call that which is short.
func (s Signal) Resource() v1.ResourceName {
	switch s {
	case MemoryAvailable, AllocatableMemoryAvailable:
		return v1.ResourceMemory
	case NodeFsAvailable, ImageFsAvailable, ContainerFsAvailable:
		return v1.ResourceEphemeralStorage
	case PIDAvailable:
		return pids
	default:
		return inodes
	}
}

// Condition is the node's condition while the signal's threshold is met.
func (s Signal) Condition() v1.NodeConditionType {
	switch s {
	case MemoryAvailable, AllocatableMemoryAvailable:
		return v1.NodeMemoryPressure
	case PIDAvailable:
		return v1.NodePIDPressure
	default:
		return v1.NodeDiskPressure
	}
}

// Disk tells whether the node itself may have something to delete before a pod must go.
func (s Signal) Disk() bool { return s.Condition() == v1.NodeDiskPressure }

// Observation is how much there is of what a signal stands for.
type Observation struct{ Available, Capacity int64 }

// show is an amount as messages show it.
func (s Signal) show(amount int64) string {
	format := resource.BinarySI
	if r := s.Resource(); r == inodes || r == pids {
		format = resource.DecimalSI
	}
	return resource.NewQuantity(amount, format).String()
}
