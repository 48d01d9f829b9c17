package memorymanager

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// asks is what memory of its own the container gets: all that it requests, if it may have something for itself.
func asks(pod *v1.Pod, c *v1.Container) map[v1.ResourceName]int64 {
	if !topology.Owns(pod, c) {
		return nil
	}
	return memory(c.Resources.Requests)
}

// together is what the pod requests as a whole.
func together(pod *v1.Pod) map[v1.ResourceName]int64 {
	if pod.Spec.Resources == nil || !topology.Guaranteed(pod) {
		return nil
	}
	return memory(pod.Spec.Resources.Requests)
}

func memory(list v1.ResourceList) map[v1.ResourceName]int64 {
	out := map[v1.ResourceName]int64{}
	for name, q := range list {
		if isMemory(name) && q.Value() > 0 {
			out[name] = q.Value()
		}
	}
	return out
}

// most is what memory of their own the pod's containers have at the same time at most.
func most(pod *v1.Pod) map[v1.ResourceName]int64 {
	lasting, peak := map[v1.ResourceName]int64{}, map[v1.ResourceName]int64{}
	for c := range topology.Containers(pod) {
		for name, bytes := range asks(pod, c) {
			if topology.Ends(pod, c) {
				peak[name] = max(peak[name], lasting[name]+bytes)
			} else {
				lasting[name] += bytes
			}
		}
	}
	for name, bytes := range lasting {
		peak[name] = max(peak[name], bytes)
	}
	return peak
}
