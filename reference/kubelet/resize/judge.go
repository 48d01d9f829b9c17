package resize

import (
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// Refusal is why a change is not made: v1.PodReasonDeferred or v1.PodReasonInfeasible, and what is missing.
type Refusal struct{ Reason, Message string }

// Judge tells whether the node can give the pod what it now asks for; nil means that it can. More than the node
// has is infeasible; more than others leave is deferred, in the words of lacks, which compares the pod with what
// the other pods hold.
func Judge(node *v1.Node, pod *v1.Pod, lacks func(*v1.Node, *v1.Pod) string) *Refusal {
	asks := resource.PodRequests(pod, resource.PodResourcesOptions{})
	cpu, memory := asks.Cpu().MilliValue(), asks.Memory().Value()
	hasCPU, hasMemory := node.Status.Allocatable.Cpu().MilliValue(), node.Status.Allocatable.Memory().Value()
	switch {
	case memory > hasMemory:
		return &Refusal{v1.PodReasonInfeasible, fmt.Sprintf("Node didn't have enough capacity: memory, requested: %d, capacity: %d", memory, hasMemory)}
	case cpu > hasCPU:
		return &Refusal{v1.PodReasonInfeasible, fmt.Sprintf("Node didn't have enough capacity: cpu, requested: %d, capacity: %d", cpu, hasCPU)}
	}
	if message := lacks(node, pod); message != "" {
		return &Refusal{v1.PodReasonDeferred, message}
	}
	return nil
}

// Waiting is a change that the node has not agreed to yet.
type Waiting struct {
	// Wanted is the pod with what it asks for, Allocated with what it has.
	Wanted, Allocated *v1.Pod
	Since             time.Time
}

// Order sorts changes as they are tried: those that ask for no more than they have, then by priority, then
// guaranteed pods before the others, then by how long they wait.
func Order(list []Waiting) {
	slices.SortStableFunc(list, func(a, b Waiting) int {
		if x, y := a.grows(), b.grows(); x != y {
			if y {
				return -1
			}
			return 1
		}
		if x, y := priority(a.Wanted), priority(b.Wanted); x != y {
			return int(min(max(y-x, -1), 1))
		}
		if x, y := rank(a.Wanted), rank(b.Wanted); x != y {
			return x - y
		}
		return a.Since.Compare(b.Since)
	})
}

func (w Waiting) grows() bool {
	has := resource.PodRequests(w.Allocated, resource.PodResourcesOptions{})
	for name, amount := range resource.PodRequests(w.Wanted, resource.PodResourcesOptions{}) {
		if amount.Cmp(has[name]) > 0 {
			return true
		}
	}
	return false
}

func priority(pod *v1.Pod) int64 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return int64(*pod.Spec.Priority)
}

func rank(pod *v1.Pod) int {
	return slices.Index([]v1.PodQOSClass{v1.PodQOSGuaranteed, v1.PodQOSBurstable, v1.PodQOSBestEffort}, pod.Status.QOSClass)
}
