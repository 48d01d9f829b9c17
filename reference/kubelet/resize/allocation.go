// Package resize decides about changes of the CPU and memory of pods that run (KEP-1287; docs:
// tasks/configure-pod-container/resize-container-resources). Nothing in it touches the node or asks the time.
package resize

import (
	"encoding/json"

	v1 "k8s.io/api/core/v1"
)

// names are the resources that can be changed.
var names = []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory}

// Allocation is what the node has set aside for a pod: the amounts that its specification had when the node last
// agreed to them. Only what can be changed is in it.
type Allocation struct {
	// Pod are the resources of the pod as a whole, nil if it has none.
	Pod *v1.ResourceRequirements `json:"pod,omitempty"`
	// Containers are those of init and app containers by name.
	Containers map[string]v1.ResourceRequirements `json:"containers,omitempty"`
}

// Of returns what the pod's specification asks for.
func Of(pod *v1.Pod) Allocation {
	a := Allocation{Containers: map[string]v1.ResourceRequirements{}}
	if r := pod.Spec.Resources; r != nil {
		some := part(*r)
		a.Pod = &some
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if some := part(list[i].Resources); some.Requests != nil || some.Limits != nil {
				a.Containers[list[i].Name] = some
			}
		}
	}
	return a
}

// part is what can be changed of r.
func part(r v1.ResourceRequirements) v1.ResourceRequirements {
	pick := func(from v1.ResourceList) (out v1.ResourceList) {
		for _, name := range names {
			if q, ok := from[name]; ok {
				if out == nil {
					out = v1.ResourceList{}
				}
				out[name] = q
			}
		}
		return out
	}
	return v1.ResourceRequirements{Requests: pick(r.Requests), Limits: pick(r.Limits)}
}

// Parse reads what String wrote.
func Parse(text string) (Allocation, error) {
	var a Allocation
	err := json.Unmarshal([]byte(text), &a)
	return a, err
}

// String is the allocation as JSON.
func (a Allocation) String() string {
	text, err := json.Marshal(a)
	if err != nil {
		return "" // quantities and names always can be written
	}
	return string(text)
}

// Same tells whether both are the same amounts.
func Same(a, b Allocation) bool {
	if (a.Pod == nil) != (b.Pod == nil) || len(a.Containers) != len(b.Containers) {
		return false
	}
	if a.Pod != nil && !equal(*a.Pod, *b.Pod) {
		return false
	}
	for name, r := range a.Containers {
		other, ok := b.Containers[name]
		if !ok || !equal(r, other) {
			return false
		}
	}
	return true
}

func equal(a, b v1.ResourceRequirements) bool {
	for _, name := range names {
		if !equalAmount(a.Requests, b.Requests, name) || !equalAmount(a.Limits, b.Limits, name) {
			return false
		}
	}
	return true
}

func equalAmount(a, b v1.ResourceList, name v1.ResourceName) bool {
	x, ok := a[name]
	y, has := b[name]
	return ok == has && x.Cmp(y) == 0
}

// Apply returns the pod with the allocated amounts instead of those that its specification asks for: itself if
// they are the same, else a copy.
func (a Allocation) Apply(pod *v1.Pod) *v1.Pod {
	if Same(a, Of(pod)) {
		return pod
	}
	out := pod.DeepCopy()
	if a.Pod != nil && out.Spec.Resources != nil {
		overwrite(out.Spec.Resources, *a.Pod)
	}
	for _, list := range [][]v1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range list {
			overwrite(&list[i].Resources, a.Containers[list[i].Name])
		}
	}
	return out
}

func overwrite(r *v1.ResourceRequirements, with v1.ResourceRequirements) {
	put := func(to *v1.ResourceList, from v1.ResourceList) {
		for _, name := range names {
			q, ok := from[name]
			switch {
			case !ok:
				delete(*to, name)
			case *to == nil:
				*to = v1.ResourceList{name: q}
			default:
				(*to)[name] = q
			}
		}
	}
	put(&r.Requests, with.Requests)
	put(&r.Limits, with.Limits)
}

// Restarts returns the containers that have to be restarted for the change: those that say so of a resource of
// theirs that changes (resizePolicy), or of the pod's whose limit is theirs for want of their own (KEP-5419).
func Restarts(pod *v1.Pod, from, to Allocation) []string {
	var out []string
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			before, after := from.Containers[c.Name], to.Containers[c.Name]
			for _, name := range names {
				changed := !equalAmount(before.Requests, after.Requests, name) || !equalAmount(before.Limits, after.Limits, name)
				if _, own := after.Limits[name]; !own && from.Pod != nil && to.Pod != nil {
					changed = changed || !equalAmount(from.Pod.Limits, to.Pod.Limits, name)
				}
				if changed && needsRestart(c, name) {
					out = append(out, c.Name)
					break
				}
			}
		}
	}
	return out
}

func needsRestart(c *v1.Container, name v1.ResourceName) bool {
	for _, p := range c.ResizePolicy {
		if p.ResourceName == name {
			return p.RestartPolicy == v1.RestartContainer
		}
	}
	return false
}
