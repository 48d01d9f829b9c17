package placement

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// Resources are amounts of the compute resources that a scheduler counts: CPU in millicores,
// memory and ephemeral storage in bytes, everything else (hugepages, extended resources) by name
// in its own unit.
type Resources struct {
	MilliCPU, Memory, EphemeralStorage int64
	Scalar                             map[corev1.ResourceName]int64
}

// resourcesOf converts a resource list; the pod count is not a resource here.
func resourcesOf(list corev1.ResourceList) Resources {
	var r Resources
	for name, q := range list {
		switch name {
		case corev1.ResourceCPU:
			r.MilliCPU = q.MilliValue()
		case corev1.ResourceMemory:
			r.Memory = q.Value()
		case corev1.ResourceEphemeralStorage:
			r.EphemeralStorage = q.Value()
		case corev1.ResourcePods:
		default:
			if r.Scalar == nil {
				r.Scalar = map[corev1.ResourceName]int64{}
			}
			r.Scalar[name] = q.Value()
		}
	}
	return r
}

// add changes r by sign times o.
func (r *Resources) add(o Resources, sign int64) {
	r.MilliCPU += sign * o.MilliCPU
	r.Memory += sign * o.Memory
	r.EphemeralStorage += sign * o.EphemeralStorage
	for name, v := range o.Scalar {
		if r.Scalar == nil {
			r.Scalar = map[corev1.ResourceName]int64{}
		}
		if r.Scalar[name] += sign * v; r.Scalar[name] == 0 {
			delete(r.Scalar, name)
		}
	}
}

// scalarNames lists the scalar resources in a fixed order.
func (r Resources) scalarNames() []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(r.Scalar))
	for name := range r.Scalar {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// podRequests is what the pod takes from its node: the greater of its running containers with
// sidecars and of any init container with the sidecars before it; pod-level requests replace that
// sum; overhead comes on top. A running pod counts with the most of what it asks for, was
// allotted and actually has, so that a resize in flight is never overcommitted.
func podRequests(pod *corev1.Pod) Resources {
	return resourcesOf(resource.PodRequests(pod, resource.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	}))
}

// What a container that requests nothing is taken to use when nodes are ranked (not when they
// are filtered), so that pods without requests spread too.
const (
	assumedMilliCPU = 100
	assumedMemory   = 200 * 1024 * 1024
)

// podUsage is what scores count for the pod: its requests, with assumed values for containers
// that leave CPU or memory open.
func podUsage(pod *corev1.Pod) usage {
	r := resourcesOf(resource.PodRequests(pod, resource.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
		NonMissingContainerRequests:                    assumedRequests,
	}))
	return usage{milliCPU: r.MilliCPU, memory: r.Memory}
}

// usage is the part of Resources that ranking looks at.
type usage struct{ milliCPU, memory int64 }
