package validation

import (
	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ResourceClaim checks a new ResourceClaim.
func ResourceClaim(c *resourcev1.ResourceClaim) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, namespaced, subdomainName)
	return append(errs, deviceClaim(specPath.Child("devices"), &c.Spec.Devices)...)
}

// ResourceClaimUpdate checks a replacement: what is asked for never changes.
func ResourceClaimUpdate(c, old *resourcev1.ResourceClaim) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	return append(errs, unchanged(specPath, c.Spec, old.Spec)...)
}

// ResourceClaimTemplate checks a new ResourceClaimTemplate.
func ResourceClaimTemplate(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
	errs := newMeta(&t.ObjectMeta, namespaced, subdomainName)
	template := specPath.Child("metadata")
	errs = append(errs, labels(template.Child("labels"), t.Spec.Labels)...)
	errs = append(errs, apivalidation.ValidateAnnotations(t.Spec.Annotations, template.Child("annotations"))...)
	return append(errs, deviceClaim(specPath.Child("spec", "devices"), &t.Spec.Spec.Devices)...)
}

// ResourceClaimTemplateUpdate checks a replacement: the template never changes.
func ResourceClaimTemplateUpdate(t, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
	errs := updatedMeta(&t.ObjectMeta, &old.ObjectMeta)
	return append(errs, unchanged(specPath, t.Spec, old.Spec)...)
}

func deviceClaim(p *field.Path, c *resourcev1.DeviceClaim) field.ErrorList {
	requests := p.Child("requests")
	errs := atMost(requests, len(c.Requests), resourcev1.DeviceRequestsMaxSize)
	errs = append(errs, distinct(requests, c.Requests, func(r resourcev1.DeviceRequest) string { return r.Name },
		func(p *field.Path) *field.Path { return p.Child("name") })...)
	for i := range c.Requests {
		errs = append(errs, deviceRequest(requests.Index(i), &c.Requests[i])...)
	}
	names := requestNames(c)
	constraints := p.Child("constraints")
	errs = append(errs, atMost(constraints, len(c.Constraints), resourcev1.DeviceConstraintsMaxSize)...)
	for i, constraint := range c.Constraints {
		at := constraints.Index(i)
		errs = append(errs, requestReferences(at.Child("requests"), constraint.Requests, names)...)
		switch {
		case constraint.MatchAttribute != nil && constraint.DistinctAttribute != nil:
			errs = append(errs, field.Invalid(at, "{`matchAttribute`, `distinctAttribute`}", "exactly one of `matchAttribute` or `distinctAttribute` is required, but multiple fields are set"))
		case constraint.MatchAttribute != nil:
			errs = append(errs, fullyQualifiedDeviceName(at.Child("matchAttribute"), *constraint.MatchAttribute)...)
		case constraint.DistinctAttribute != nil:
			errs = append(errs, fullyQualifiedDeviceName(at.Child("distinctAttribute"), *constraint.DistinctAttribute)...)
		default:
			errs = append(errs, field.Required(at, "exactly one of `matchAttribute` or `distinctAttribute` is required"))
		}
	}
	configs := p.Child("config")
	errs = append(errs, atMost(configs, len(c.Config), resourcev1.DeviceConfigMaxSize)...)
	for i, config := range c.Config {
		at := configs.Index(i)
		errs = append(errs, requestReferences(at.Child("requests"), config.Requests, names)...)
		errs = append(errs, deviceConfiguration(at, config.DeviceConfiguration)...)
	}
	return errs
}

// requestNames are the names of requests, and of subrequests as request/subrequest.
func requestNames(c *resourcev1.DeviceClaim) sets.Set[string] {
	names := sets.New[string]()
	for _, r := range c.Requests {
		names.Insert(r.Name)
		for _, sub := range r.FirstAvailable {
			names.Insert(r.Name + "/" + sub.Name)
		}
	}
	return names
}

func requestReferences(p *field.Path, references []string, names sets.Set[string]) field.ErrorList {
	errs := atMost(p, len(references), resourcev1.DeviceRequestsMaxSize)
	errs = append(errs, distinct(p, references, func(s string) string { return s }, itself)...)
	for i, name := range references {
		if !names.Has(name) {
			errs = append(errs, field.Invalid(p.Index(i), name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
		}
	}
	return errs
}

func deviceRequest(p *field.Path, r *resourcev1.DeviceRequest) field.ErrorList {
	errs := deviceLabel(p.Child("name"), r.Name)
	switch several := len(r.FirstAvailable) > 0; {
	case r.Exactly == nil && !several:
		return append(errs, field.Required(p, "exactly one of `exactly` or `firstAvailable` is required"))
	case r.Exactly != nil && several:
		return append(errs, field.Invalid(p, nil, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
	case r.Exactly != nil:
		e := r.Exactly
		return append(errs, deviceDemand(p.Child("exactly"), e.DeviceClassName, e.Selectors, e.AllocationMode, e.Count, e.Tolerations, e.Capacity)...)
	}
	list := p.Child("firstAvailable")
	errs = append(errs, atMost(list, len(r.FirstAvailable), resourcev1.FirstAvailableDeviceRequestMaxSize)...)
	errs = append(errs, distinct(list, r.FirstAvailable, func(s resourcev1.DeviceSubRequest) string { return s.Name },
		func(p *field.Path) *field.Path { return p.Child("name") })...)
	for i, s := range r.FirstAvailable {
		at := list.Index(i)
		errs = append(errs, deviceLabel(at.Child("name"), s.Name)...)
		errs = append(errs, deviceDemand(at, s.DeviceClassName, s.Selectors, s.AllocationMode, s.Count, s.Tolerations, s.Capacity)...)
	}
	return errs
}

// deviceDemand is what exact requests and subrequests have in common.
func deviceDemand(p *field.Path, class string, selectors []resourcev1.DeviceSelector, mode resourcev1.DeviceAllocationMode, count int64,
	tolerations []resourcev1.DeviceToleration, capacity *resourcev1.CapacityRequirements,
) (errs field.ErrorList) {
	if class == "" {
		errs = append(errs, field.Required(p.Child("deviceClassName"), ""))
	} else {
		errs = append(errs, dnsSubdomain(p.Child("deviceClassName"), class)...)
	}
	errs = append(errs, deviceSelectors(p.Child("selectors"), selectors)...)
	switch mode {
	case resourcev1.DeviceAllocationModeAll:
		if count != 0 {
			errs = append(errs, field.Invalid(p.Child("count"), count, "must not be specified when allocationMode is 'All'"))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		if count <= 0 {
			errs = append(errs, field.Invalid(p.Child("count"), count, notPositive))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("allocationMode"), mode,
			[]resourcev1.DeviceAllocationMode{resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount}))
	}
	errs = append(errs, deviceTolerations(p.Child("tolerations"), tolerations)...)
	if capacity != nil {
		requests := p.Child("capacity", "requests")
		for _, name := range sortedKeys(capacity.Requests) {
			errs = append(errs, qualifiedDeviceName(requests.Key(string(name)), name)...)
			if q := capacity.Requests[name]; q.Sign() < 0 {
				errs = append(errs, field.Invalid(requests.Key(string(name)), q.String(), negative))
			}
		}
	}
	return errs
}
