package defaults

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerResource(s *runtime.Scheme) {
	addWithList(s, setResourceClaim, func(l *resourcev1.ResourceClaimList) []resourcev1.ResourceClaim { return l.Items })
	addWithList(s, setResourceClaimTemplate, func(l *resourcev1.ResourceClaimTemplateList) []resourcev1.ResourceClaimTemplate {
		return l.Items
	})
}

func setResourceClaim(c *resourcev1.ResourceClaim) {
	setDeviceClaim(&c.Spec.Devices)
	if a := c.Status.Allocation; a != nil {
		each(a.Devices.Results, func(r *resourcev1.DeviceRequestAllocationResult) { each(r.Tolerations, setDeviceToleration) })
	}
}

func setResourceClaimTemplate(t *resourcev1.ResourceClaimTemplate) {
	setDeviceClaim(&t.Spec.Spec.Devices)
}

// setDeviceClaim makes requests be for one device unless they say otherwise.
func setDeviceClaim(c *resourcev1.DeviceClaim) {
	each(c.Requests, func(r *resourcev1.DeviceRequest) {
		if e := r.Exactly; e != nil {
			setDeviceCount(&e.AllocationMode, &e.Count)
			each(e.Tolerations, setDeviceToleration)
		}
		each(r.FirstAvailable, func(s *resourcev1.DeviceSubRequest) {
			setDeviceCount(&s.AllocationMode, &s.Count)
			each(s.Tolerations, setDeviceToleration)
		})
	})
}

func setDeviceCount(mode *resourcev1.DeviceAllocationMode, count *int64) {
	orElse(mode, resourcev1.DeviceAllocationModeExactCount)
	if *mode == resourcev1.DeviceAllocationModeExactCount {
		orElse(count, 1)
	}
}

func setDeviceToleration(t *resourcev1.DeviceToleration) {
	orElse(&t.Operator, resourcev1.DeviceTolerationOpEqual)
}
