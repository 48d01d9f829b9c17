package topology

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// Guaranteed tells whether the pod's quality of service is that of pods which may use no more than they request.
func Guaranteed(pod *v1.Pod) bool {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass == v1.PodQOSGuaranteed
	}
	return status.QOS(pod) == v1.PodQOSGuaranteed
}

// Owns tells whether the container may have something for itself: its pod is Guaranteed, and if that is so by
// resources of the pod as a whole, then the container requests all that it may use of CPU and memory, too (KEP-5526).
func Owns(pod *v1.Pod, c *v1.Container) bool {
	if !Guaranteed(pod) {
		return false
	}
	if pod.Spec.Resources == nil {
		return true
	}
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
		request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
		if request.IsZero() || request.Cmp(limit) != 0 {
			return false
		}
	}
	return true
}

// Stays tells of an init container whether it runs as long as its pod.
func Stays(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// Ends tells whether the container is an init container that ends before the next one starts: what it had is free for those.
func Ends(pod *v1.Pod, c *v1.Container) bool {
	for i := range pod.Spec.InitContainers {
		if init := &pod.Spec.InitContainers[i]; init.Name == c.Name {
			return !Stays(init)
		}
	}
	return false
}
