package status

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// whole shows what is allocated to the pod in sum, and if it has resources as a whole, which of them its cgroup has
// (KEP-5419).
func whole(in Input, s *v1.PodStatus) {
	if requests := resource.PodRequests(in.Pod, resource.PodResourcesOptions{ExcludeOverhead: true}); len(requests) > 0 {
		s.AllocatedResources = requests
	}
	if in.Pod.Spec.Resources == nil {
		return
	}
	if old := in.Pod.Status.Resources; in.State.Sandbox() == nil || in.Resize.Generation != 0 && old != nil {
		s.Resources = old
		return
	}
	s.Resources = in.Pod.Spec.Resources.DeepCopy()
}
