package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"
)

// podResources checks the resources of a pod as a whole (KEP-2837): CPU, memory and huge pages only,
// no claims, and no less than what the containers ask for together.
func podResources(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	r := s.Resources
	if r == nil {
		return nil
	}
	at := p.Child("resources")
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(at.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	supported := func(p *field.Path, l corev1.ResourceList) {
		for _, name := range resourceNames(l) {
			if !resourcehelper.IsSupportedPodLevelResource(name) {
				errs = append(errs, field.NotSupported(p.Key(string(name)), name,
					[]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceHugePagesPrefix, corev1.ResourceMemory}))
			}
		}
	}
	supported(at.Child("limits"), r.Limits)
	supported(at.Child("requests"), r.Requests)
	if len(errs) > 0 {
		return errs
	}
	errs = resourceRequirements(at, &corev1.ResourceRequirements{Limits: r.Limits, Requests: r.Requests}, nil)
	errs = append(errs, coversContainers(at.Child("requests"), s)...)
	return append(errs, containerLimits(p, s)...)
}

// coversContainers wants the pod's requests to suffice for its containers'.
func coversContainers(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	sum := resourcehelper.AggregateContainerRequests(&corev1.Pod{Spec: *s}, resourcehelper.PodResourcesOptions{})
	for _, name := range resourceNames(s.Resources.Requests) {
		whole, parts := s.Resources.Requests[name], sum[name]
		if parts.Cmp(whole) > 0 {
			errs = append(errs, field.Invalid(p.Key(string(name)), whole.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", parts.String())))
		}
	}
	return errs
}

// containerLimits: no container may have more than the pod. Huge pages cannot be shared, so their
// limits add up.
func containerLimits(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	sums := map[corev1.ResourceName]resource.Quantity{}
	check := func(at *field.Path, c *corev1.Container) {
		for _, name := range resourceNames(c.Resources.Limits) {
			limit := c.Resources.Limits[name]
			whole, ok := s.Resources.Limits[name]
			if !ok {
				continue
			}
			if limit.Cmp(whole) > 0 {
				errs = append(errs, field.Invalid(at.Child("resources", "limits").Key(string(name)), limit.String(),
					fmt.Sprintf("must be less than or equal to pod limits of %s", whole.String())))
			}
			if isHugePages(name) {
				sum := sums[name]
				sum.Add(limit)
				sums[name] = sum
			}
		}
	}
	for i := range s.Containers {
		check(p.Child("containers").Index(i), &s.Containers[i])
	}
	for i := range s.InitContainers {
		if isSidecar(&s.InitContainers[i]) {
			check(p.Child("initContainers").Index(i), &s.InitContainers[i])
		}
	}
	for _, name := range resourceNames(s.Resources.Limits) {
		sum, whole := sums[name], s.Resources.Limits[name]
		if isHugePages(name) && sum.Cmp(whole) > 0 {
			errs = append(errs, field.Invalid(p.Child("resources", "limits").Key(string(name)), whole.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container limits of %s", sum.String())))
		}
	}
	return errs
}
