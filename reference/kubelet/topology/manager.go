package topology

import (
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Provider hands out a resource that is near some NUMA nodes. It is told of pods one at a time, and of a pod's containers in
// the order in which they start.
type Provider interface {
	// Hints returns the sets of nodes that each resource could come from which the container asks for, or all of the
	// pod together if c is nil. A resource that is not named, or has a nil list, may come from anywhere; one with an
	// empty list cannot be had. What a container has already is the only hint for it.
	Hints(pod *v1.Pod, c *v1.Container) map[string][]Hint
	// Allocate gives the container what it asks for, near the nodes as far as possible, from anywhere if there are
	// none. A container that has it keeps it. A *Refusal is told as it is, any other error as unexpected.
	Allocate(pod *v1.Pod, c *v1.Container, near Hint) error
	// Save remembers what the pod got, over restarts of the agent.
	Save(uid types.UID) error
	// Release gives back what the pod has, Retain what all pods have that are not there any more.
	Release(uid types.UID) error
	Retain(there func(types.UID) bool) error
}

// Refusal is why a pod does not get what it asks for, as its status says it.
type Refusal struct{ Reason, Message string }

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

// misplaced refuses a pod whose resources are too far from each other.
var misplaced = Refusal{"TopologyAffinityError", "Resources cannot be allocated with Topology locality"}

// Manager asks the providers and decides. It is not safe for several goroutines.
type Manager struct {
	policy    Policy
	machine   Machine
	providers []Provider
}

// New returns a Manager for the machine. One with too many nodes is refused, but for the policy none.
func New(p Policy, m Machine, providers ...Provider) (*Manager, error) {
	if p.Name != None && len(m) > p.MaxNodes {
		return nil, fmt.Errorf("topologyManagerPolicy %s: the node has %d NUMA nodes, at most %d are supported", p.Name, len(m), p.MaxNodes)
	}
	return &Manager{policy: p, machine: m, providers: providers}, nil
}

// Admit gives the pod's containers what they ask for, or says why not; then the pod has nothing.
func (m *Manager) Admit(pod *v1.Pod) *Refusal {
	err := m.admit(pod)
	for _, p := range m.providers {
		if err == nil {
			err = p.Save(pod.UID)
		}
	}
	if err == nil {
		return nil
	}
	for _, p := range m.providers {
		err = errors.Join(err, p.Release(pod.UID))
	}
	return refusal(err)
}

// Readmit is Admit for a pod that runs already: it keeps what it has, and gets what it lacks if that can be had.
func (m *Manager) Readmit(pod *v1.Pod) *Refusal {
	var failures []error
	for c := range Containers(pod) {
		for _, p := range m.providers {
			failures = append(failures, p.Allocate(pod, c, Hint{}))
		}
	}
	for _, p := range m.providers {
		failures = append(failures, p.Save(pod.UID))
	}
	if err := errors.Join(failures...); err != nil {
		return refusal(err)
	}
	return nil
}

func (m *Manager) admit(pod *v1.Pod) error {
	var near Hint
	if m.policy.Scope == PodScope {
		var good bool
		if near, good = m.pick(pod, nil); !good {
			return &misplaced
		}
	}
	for c := range Containers(pod) {
		if m.policy.Scope != PodScope {
			var good bool
			if near, good = m.pick(pod, c); !good {
				return &misplaced
			}
		}
		for _, p := range m.providers {
			if err := p.Allocate(pod, c, near); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Manager) pick(pod *v1.Pod, c *v1.Container) (Hint, bool) {
	if m.policy.Name == None {
		return Hint{}, true
	}
	var hints []map[string][]Hint
	for _, p := range m.providers {
		hints = append(hints, p.Hints(pod, c))
	}
	return m.policy.Merge(m.machine, hints)
}

// Release gives back what the pod has.
func (m *Manager) Release(uid types.UID) error {
	var failures []error
	for _, p := range m.providers {
		failures = append(failures, p.Release(uid))
	}
	return errors.Join(failures...)
}

// Retain gives back what pods have that are not there any more.
func (m *Manager) Retain(there func(types.UID) bool) error {
	var failures []error
	for _, p := range m.providers {
		failures = append(failures, p.Retain(there))
	}
	return errors.Join(failures...)
}

func refusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{"UnexpectedAdmissionError", fmt.Sprintf("Allocate failed due to %v, which is unexpected", err)}
}

// Containers are the pod's in the order in which they start, but for ephemeral ones.
func Containers(pod *v1.Pod) func(yield func(*v1.Container) bool) {
	return func(yield func(*v1.Container) bool) {
		for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}
