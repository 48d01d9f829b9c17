package cgroups

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// The scores of containers that do not depend on how much memory they request.
const (
	guaranteedScore = -997
	bestEffortScore = 1000
)

// nodeCritical names the class of pods that a node needs to be one.
const nodeCritical = "system-node-critical"

// OOMScoreAdj says how eager the kernel is to kill the container when the node runs out of
// memory: guaranteed and node-critical pods last, best-effort pods first, burstable ones by how much of the
// node's memory (in bytes) they asked for (docs: scheduling-eviction/node-pressure-eviction#node-out-of-memory-behavior).
// A sidecar is not killed before the pod's own containers (KEP-753); what a pod requests as a whole beyond its
// containers counts for each in equal parts (KEP-2837).
func OOMScoreAdj(pod *v1.Pod, qos v1.PodQOSClass, c *v1.Container, nodeMemory int64) int64 {
	switch {
	case pod.Spec.PriorityClassName == nodeCritical, qos == v1.PodQOSGuaranteed:
		return guaranteedScore
	case qos == v1.PodQOSBestEffort:
		return bestEffortScore
	case nodeMemory <= 0:
		return bestEffortScore - 1
	}
	part := unclaimed(pod)
	score := func(c *v1.Container) int64 {
		return 1000 - 1000*(c.Resources.Requests.Memory().Value()+part)/nodeMemory
	}
	s := score(c)
	if sidecar(pod, c) {
		most := int64(guaranteedScore)
		for i := range pod.Spec.Containers {
			most = max(most, score(&pod.Spec.Containers[i]))
		}
		s = min(s, most)
	}
	return min(max(s, 1000+guaranteedScore), bestEffortScore-1)
}

func sidecar(pod *v1.Pod, c *v1.Container) bool {
	for i := range pod.Spec.InitContainers {
		init := &pod.Spec.InitContainers[i]
		if init.Name == c.Name && init.RestartPolicy != nil && *init.RestartPolicy == v1.ContainerRestartPolicyAlways {
			return true
		}
	}
	return false
}

// unclaimed is each container's part of the memory that the pod requests beyond the sum of its containers.
func unclaimed(pod *v1.Pod) int64 {
	if pod.Spec.Resources == nil {
		return 0
	}
	whole, ok := pod.Spec.Resources.Requests[v1.ResourceMemory]
	if !ok {
		return 0
	}
	sum := resource.AggregateContainerRequests(pod, resource.PodResourcesOptions{})
	sharers := int64(len(pod.Spec.Containers))
	for i := range pod.Spec.InitContainers {
		if sidecar(pod, &pod.Spec.InitContainers[i]) {
			sharers++
		}
	}
	return max(whole.Value()-sum.Memory().Value(), 0) / max(sharers, 1)
}
