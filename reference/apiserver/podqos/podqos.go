// Package podqos tells the quality of service of pods.
package podqos

import (
	corev1 "k8s.io/api/core/v1"
)

// Class returns a pod's quality of service, from what it asks of cpu and memory
// (docs: concepts/workloads/pods/pod-qos). Guaranteed needs limits of both on every container,
// equal to the requests; BestEffort has neither requests nor limits. Resources of the pod as a
// whole, if given, count instead of the containers'.
func Class(spec *corev1.PodSpec) corev1.PodQOSClass {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	allLimited := true
	count := func(r *corev1.ResourceRequirements) {
		addQOS(requests, r.Requests)
		addQOS(limits, r.Limits)
		cpu, memory := r.Limits[corev1.ResourceCPU], r.Limits[corev1.ResourceMemory]
		allLimited = allLimited && cpu.Sign() > 0 && memory.Sign() > 0
	}
	if r := spec.Resources; r != nil && (len(r.Requests) > 0 || len(r.Limits) > 0) {
		count(r)
	} else {
		for i := range spec.Containers {
			count(&spec.Containers[i].Resources)
		}
		for i := range spec.InitContainers {
			count(&spec.InitContainers[i].Resources)
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return corev1.PodQOSBestEffort
	}
	if !allLimited || len(requests) != len(limits) {
		return corev1.PodQOSBurstable
	}
	for name, limit := range limits {
		if request, ok := requests[name]; !ok || request.Cmp(limit) != 0 {
			return corev1.PodQOSBurstable
		}
	}
	return corev1.PodQOSGuaranteed
}

// addQOS adds what list has of cpu and memory to sum.
func addQOS(sum, list corev1.ResourceList) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q, ok := list[name]; ok && q.Sign() > 0 {
			total := sum[name].DeepCopy()
			total.Add(q)
			sum[name] = total
		}
	}
}
