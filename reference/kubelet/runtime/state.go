// Package runtime is the agent's view of the container runtime: it dials CRI, reads what runs
// for a pod, and tells when that changes.
package runtime

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// State is where a container instance is in its life.
type State int

// The states of a container instance, in the order in which it passes them. StateUnknown is
// an instance that the runtime lost sight of.
const (
	StateUnknown State = iota
	StateCreated
	StateRunning
	StateExited
)

// Container is one instance of a container: a restart makes a new one.
type Container struct {
	ID        string
	Name      string
	SandboxID string
	// Attempt counts the instances of this container before this one; it is the container's
	// restart count.
	Attempt uint32
	State   State
	// Image is the image as the runtime names it, ImageID its resolved reference.
	Image, ImageID string
	Hash           string
	CreatedAt      time.Time
	StartedAt      time.Time
	FinishedAt     time.Time
	ExitCode       int32
	Reason         string
	Message        string
	LogPath        string
	// MessagePath is where on the node the termination message file is, empty when there is
	// none; MessageFromLogs tells that the log's end stands in for it after a failure.
	MessagePath     string
	MessageFromLogs bool
	// Resources are the cgroup's settings, nil if the runtime does not tell.
	Resources *criv1.LinuxContainerResources
	User      *User
	// ImageMounts are the references of images that are mounted, by the path in the container.
	ImageMounts map[string]string
	// Recursive are the paths in the container below which everything is read only, also what is mounted there.
	Recursive map[string]bool
}

// User is who a container's first process runs as.
type User struct {
	UID, GID int64
	Groups   []int64
}

// Sandbox is one instance of the pod's environment: its namespaces and its address.
type Sandbox struct {
	ID          string
	Attempt     uint32
	Ready       bool
	HostNetwork bool
	CreatedAt   time.Time
	IPs         []string
	// Allocation is what AllocationAnnotation says.
	Allocation string
}

// Pod is everything the runtime knows of one pod.
type Pod struct {
	UID             types.UID
	Name, Namespace string
	// Sandboxes and Containers are ordered newest first.
	Sandboxes  []Sandbox
	Containers []Container
}

// Sandbox returns the newest sandbox, nil if there is none.
func (p *Pod) Sandbox() *Sandbox {
	if p == nil || len(p.Sandboxes) == 0 {
		return nil
	}
	return &p.Sandboxes[0]
}

// Latest returns the newest instance of the named container, nil if there is none.
func (p *Pod) Latest(name string) *Container {
	return p.nth(name, 0)
}

// Previous returns the instance before the newest of the named container, nil if there is none.
func (p *Pod) Previous(name string) *Container {
	return p.nth(name, 1)
}

// Container returns the instance with the given id, nil if there is none.
func (p *Pod) Container(id string) *Container {
	if p == nil {
		return nil
	}
	for i := range p.Containers {
		if p.Containers[i].ID == id {
			return &p.Containers[i]
		}
	}
	return nil
}

// Running returns the instances that run, or were created and may be about to.
func (p *Pod) Running() []*Container {
	if p == nil {
		return nil
	}
	var running []*Container
	for i := range p.Containers {
		if p.Containers[i].State == StateRunning {
			running = append(running, &p.Containers[i])
		}
	}
	return running
}

func (p *Pod) nth(name string, n int) *Container {
	if p == nil {
		return nil
	}
	for i := range p.Containers {
		if p.Containers[i].Name != name {
			continue
		}
		if n == 0 {
			return &p.Containers[i]
		}
		n--
	}
	return nil
}

// order sorts newest first. Attempts decide between instances made within one tick of the clock.
func (p *Pod) order() {
	slices.SortStableFunc(p.Sandboxes, func(a, b Sandbox) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return int(b.Attempt) - int(a.Attempt)
	})
	slices.SortStableFunc(p.Containers, func(a, b Container) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return int(b.Attempt) - int(a.Attempt)
	})
}
