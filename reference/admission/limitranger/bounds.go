package limitranger

import (
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
)

// podViolations lists the bounds of r that the pod breaks: for each container, and for the pod as a
// whole what the scheduler would count, without its runtime's overhead.
func podViolations(r *corev1.LimitRange, pod *corev1.Pod) (errs []error) {
	for i := range r.Spec.Limits {
		item := &r.Spec.Limits[i]
		switch item.Type {
		case corev1.LimitTypeContainer:
			for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
				for j := range containers {
					errs = append(errs, violations(item, containers[j].Resources.Requests, containers[j].Resources.Limits)...)
				}
			}
		case corev1.LimitTypePod:
			counted := helpers.PodResourcesOptions{ExcludeOverhead: true}
			errs = append(errs, violations(item, helpers.PodRequests(pod, counted), helpers.PodLimits(pod, counted))...)
		}
	}
	return errs
}

// claimViolations lists the bounds of r that the claim breaks. Only what it requests counts.
func claimViolations(r *corev1.LimitRange, claim *corev1.PersistentVolumeClaim) (errs []error) {
	requests := claim.Spec.Resources.Requests
	for i := range r.Spec.Limits {
		item := &r.Spec.Limits[i]
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		for _, name := range names(item.Min) {
			errs = add(errs, tooSmall(item.Type, name, item.Min[name], requests, nil))
		}
		for _, name := range names(item.Max) {
			errs = add(errs, tooMuchRequested(item.Type, name, item.Max[name], requests))
		}
	}
	return errs
}

func violations(item *corev1.LimitRangeItem, requests, limits corev1.ResourceList) (errs []error) {
	for _, name := range names(item.Min) {
		errs = add(errs, tooSmall(item.Type, name, item.Min[name], requests, limits))
	}
	for _, name := range names(item.Max) {
		errs = add(errs, tooLarge(item.Type, name, item.Max[name], requests, limits))
	}
	for _, name := range names(item.MaxLimitRequestRatio) {
		errs = add(errs, tooFarApart(item.Type, name, item.MaxLimitRequestRatio[name], requests, limits))
	}
	return errs
}

func tooSmall(t corev1.LimitType, name corev1.ResourceName, least resource.Quantity, requests, limits corev1.ResourceList) error {
	request, requested := requests[name]
	limit, limited := limits[name]
	switch {
	case !requested:
		return fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", name, t, least.String())
	case request.Cmp(least) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but request is %s", name, t, least.String(), request.String())
	case limited && limit.Cmp(least) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", name, t, least.String(), limit.String())
	}
	return nil
}

func tooLarge(t corev1.LimitType, name corev1.ResourceName, most resource.Quantity, requests, limits corev1.ResourceList) error {
	request, requested := requests[name]
	limit, limited := limits[name]
	switch {
	case !limited:
		return fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", name, t, most.String())
	case limit.Cmp(most) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", name, t, most.String(), limit.String())
	case requested && request.Cmp(most) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, t, most.String(), request.String())
	}
	return nil
}

func tooMuchRequested(t corev1.LimitType, name corev1.ResourceName, most resource.Quantity, requests corev1.ResourceList) error {
	request, requested := requests[name]
	switch {
	case !requested:
		return fmt.Errorf("maximum %s usage per %s is %s.  No request is specified", name, t, most.String())
	case request.Cmp(most) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, t, most.String(), request.String())
	}
	return nil
}

func tooFarApart(t corev1.LimitType, name corev1.ResourceName, most resource.Quantity, requests, limits corev1.ResourceList) error {
	request, limit := requests[name], limits[name]
	if request.IsZero() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name, t, most.String())
	}
	if limit.IsZero() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, t, most.String())
	}
	if l, r := inUnits(limit, request); l*1000 > r*float64(most.MilliValue()) {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, t, most.String(), l/r)
	}
	return nil
}

// inUnits returns both quantities in the same unit: thousandths, where these fit into 64 bits.
func inUnits(a, b resource.Quantity) (float64, float64) {
	const large = math.MaxInt64 / 1000
	if a.Value() > large || b.Value() > large {
		return float64(a.Value()), float64(b.Value())
	}
	return float64(a.MilliValue()), float64(b.MilliValue())
}

func add(errs []error, err error) []error {
	if err == nil {
		return errs
	}
	return append(errs, err)
}

// names returns the resources of the list in a fixed order, so that messages are the same every time.
func names(list corev1.ResourceList) []corev1.ResourceName {
	var all []corev1.ResourceName
	for name := range list {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
