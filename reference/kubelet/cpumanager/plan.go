package cpumanager

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/cpuset"
)

// Refusal is why a pod does not get its CPUs, as its status says it.
type Refusal struct{ Reason, Message string }

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

// exclusive is how many CPUs of its own the container gets: as many as it requests, if that is a whole number, its
// pod is Guaranteed and has no resources as a whole.
func exclusive(pod *v1.Pod, qos v1.PodQOSClass, c *v1.Container) int {
	request := c.Resources.Requests[v1.ResourceCPU]
	if qos != v1.PodQOSGuaranteed || pod.Spec.Resources != nil || request.MilliValue()%1000 != 0 {
		return 0
	}
	return int(request.Value())
}

// plan picks CPUs for each container of the pod that gets some. Init containers that end pass theirs on to those
// that start after them.
func (t Topology) plan(pod *v1.Pod, qos v1.PodQOSClass, free cpuset.CPUSet, wholeCores bool) (map[string]cpuset.CPUSet, *Refusal) {
	out := map[string]cpuset.CPUSet{}
	used, reusable := cpuset.New(), cpuset.New()
	give := func(c *v1.Container, ends bool) *Refusal {
		n := exclusive(pod, qos, c)
		if n == 0 {
			return nil
		}
		if per := t.perCore(); wholeCores && n%per != 0 {
			return &Refusal{"SMTAlignmentError", fmt.Sprintf("SMT Alignment Error: requested %d cpus not multiple cpus per core = %d", n, per)}
		}
		available := free.Difference(used).Union(reusable)
		if available.Size() < n {
			return &Refusal{"UnexpectedAdmissionError", fmt.Sprintf(
				"Allocate failed due to not enough cpus available to satisfy request: requested=%d, available=%d, which is unexpected", n, available.Size())}
		}
		got := t.take(reusable, min(n, reusable.Size()))
		got = got.Union(t.take(available.Difference(got), n-got.Size()))
		out[c.Name], used = got, used.Union(got)
		if ends {
			reusable = reusable.Union(got)
		} else {
			reusable = reusable.Difference(got)
		}
		return nil
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		stays := c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
		if why := give(c, !stays); why != nil {
			return nil, why
		}
	}
	for i := range pod.Spec.Containers {
		if why := give(&pod.Spec.Containers[i], false); why != nil {
			return nil, why
		}
	}
	return out, nil
}
