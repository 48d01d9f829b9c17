package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

// deviceClaims measures ResourceClaims: their number, and by DeviceClass the devices they ask for.
func deviceClaims(list generic.ListFuncByNamespace) quota.Evaluator {
	const count = "count/resourceclaims.resource.k8s.io"
	return &evaluator[*resourcev1.ResourceClaim]{
		resource: resourcev1.Resource("resourceclaims"),
		measures: func(name corev1.ResourceName) bool {
			return name == count || strings.HasSuffix(string(name), corev1.ResourceClaimsPerClass)
		},
		handles: func(op admission.Operation, subresource string) bool {
			return op == admission.Create && subresource == ""
		},
		usage: func(c *resourcev1.ResourceClaim) corev1.ResourceList {
			return quota.Add(corev1.ResourceList{count: one}, devices(c.Spec.Devices.Requests))
		},
		list: list,
	}
}

// devices sums what the requests may get: of alternatives, for each class the one that gets most.
func devices(requests []resourcev1.DeviceRequest) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, r := range requests {
		if r.Exactly != nil {
			sum = quota.Add(sum, ofDeviceClass(r.Exactly.DeviceClassName, r.Exactly.AllocationMode, r.Exactly.Count))
		}
		most := corev1.ResourceList{}
		for _, alternative := range r.FirstAvailable {
			most = quota.Max(most, ofDeviceClass(alternative.DeviceClassName, alternative.AllocationMode, alternative.Count))
		}
		sum = quota.Add(sum, most)
	}
	return sum
}

// ofDeviceClass is what one request may get. Who asks for all devices may get as many as one
// allocation can hold.
func ofDeviceClass(class string, mode resourcev1.DeviceAllocationMode, count int64) corev1.ResourceList {
	switch mode {
	case resourcev1.DeviceAllocationModeExactCount:
	case resourcev1.DeviceAllocationModeAll:
		count = resourcev1.AllocationResultsMaxSize
	default:
		count = 0
	}
	return corev1.ResourceList{corev1.ResourceName(class + corev1.ResourceClaimsPerClass): *resource.NewQuantity(count, resource.DecimalSI)}
}
