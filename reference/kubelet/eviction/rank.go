package eviction

import (
	"cmp"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// Container is what one container uses.
type Container struct {
	Memory int64
	// Layer is what it wrote into its own file system, Logs what it logged, both in bytes.
	Layer, Logs int64
	LayerInodes int64
}

// Usage is what one pod uses of its node.
type Usage struct {
	Pod        *v1.Pod
	Containers map[string]Container
	// Volumes are the bytes in its emptyDir volumes on disk, by name.
	Volumes   map[string]int64
	Inodes    int64
	Processes int64
}

// Memory is what all of its containers use.
func (u Usage) Memory() (sum int64) {
	for _, c := range u.Containers {
		sum += c.Memory
	}
	return sum
}

// Disk is all that the pod wrote.
func (u Usage) Disk() int64 { return u.layers() + u.local() }

func (u Usage) layers() (sum int64) {
	for _, c := range u.Containers {
		sum += c.Layer
	}
	return sum
}

// local is what lies on the node's own file system whatever the runtime has: logs and volumes.
func (u Usage) local() (sum int64) {
	for _, c := range u.Containers {
		sum += c.Logs
	}
	for _, bytes := range u.Volumes {
		sum += bytes
	}
	return sum
}

func (u Usage) inodes() int64 {
	sum := u.Inodes
	for _, c := range u.Containers {
		sum += c.LayerInodes
	}
	return sum
}

// of is how much the pod uses of what is short, and how much of that it asked for. Where images and containers
// have a file system of their own, only what is on the short one counts.
func (u Usage) of(s Signal, separate bool) (used, requested int64) {
	switch s.Resource() {
	case v1.ResourceMemory:
		used = u.Memory()
	case v1.ResourceEphemeralStorage:
		switch {
		case !separate:
			used = u.Disk()
		case s == NodeFsAvailable:
			used = u.local()
		default:
			used = u.layers()
		}
	case pids:
		return u.Processes, 0
	default:
		return u.inodes(), 0
	}
	r := resource.PodRequests(u.Pod, resource.PodResourcesOptions{})[s.Resource()]
	return used, r.Value()
}

// Rank orders the pods, the first to go first (docs: node-pressure-eviction#pod-selection-for-kubelet-eviction):
// those that use more than they asked for before others, then by priority, then by how much they exceed
// their request. A shortage of process numbers knows no requests.
func Rank(s Signal, pods []Usage, separate bool) []Usage {
	out := slices.Clone(pods)
	slices.SortStableFunc(out, func(a, b Usage) int {
		usedA, requestA := a.of(s, separate)
		usedB, requestB := b.of(s, separate)
		if over := cmp.Compare(one(usedB > requestB), one(usedA > requestA)); over != 0 && s != PIDAvailable {
			return over
		}
		if c := cmp.Compare(priority(a.Pod), priority(b.Pod)); c != 0 {
			return c
		}
		return cmp.Compare(usedB-requestB, usedA-requestA)
	})
	return out
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func priority(pod *v1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}
