package cpumanager

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// exclusive is how many CPUs of its own the container gets: as many as it requests, if that is a whole number and it
// may have something for itself.
func exclusive(pod *v1.Pod, c *v1.Container) int {
	if !topology.Owns(pod, c) {
		return 0
	}
	return whole(c.Resources.Requests)
}

// whole is the number of CPUs in the list, 0 if it is not a whole one.
func whole(list v1.ResourceList) int {
	request := list[v1.ResourceCPU]
	if request.MilliValue()%1000 != 0 {
		return 0
	}
	return int(request.Value())
}

// together is how many CPUs of its own the pod gets for its containers to share: what it requests as a whole.
func together(pod *v1.Pod) int {
	if pod.Spec.Resources == nil || !topology.Guaranteed(pod) {
		return 0
	}
	return whole(pod.Spec.Resources.Requests)
}

// most is how many CPUs of their own the pod's containers have at the same time at most.
func most(pod *v1.Pod) int {
	lasting, peak := 0, 0
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if n := exclusive(pod, c); topology.Stays(c) {
			lasting += n
		} else {
			peak = max(peak, lasting+n)
		}
	}
	for i := range pod.Spec.Containers {
		lasting += exclusive(pod, &pod.Spec.Containers[i])
	}
	return max(lasting, peak)
}
