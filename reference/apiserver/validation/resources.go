package validation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// countedResources are those of a quota that are counted, not measured.
var countedResources = sets.New(corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices,
	corev1.ResourceReplicationControllers, corev1.ResourceSecrets, corev1.ResourceConfigMaps,
	corev1.ResourcePersistentVolumeClaims, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers)

// quotaResources are the names without a domain that a quota may limit.
var quotaResources = sets.New(corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsStorage,
	corev1.ResourceRequestsEphemeralStorage, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
	corev1.ResourceLimitsEphemeralStorage).Union(countedResources)

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

func hasDomain(name corev1.ResourceName) bool { return strings.Contains(string(name), "/") }

// isNative says whether Kubernetes itself knows what the resource is.
func isNative(name corev1.ResourceName) bool {
	return !hasDomain(name) || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// isExtended says whether the name is that of a resource somebody else brings to the cluster.
func isExtended(name corev1.ResourceName) bool {
	return !isNative(name) && !strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) &&
		len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name))) == 0
}

// mayOvercommit says whether a limit may exceed the request.
func mayOvercommit(name corev1.ResourceName) bool { return isNative(name) && !isHugePages(name) }

func isContainerResource(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory ||
		name == corev1.ResourceEphemeralStorage || isHugePages(name)
}

func isStandardResource(name corev1.ResourceName) bool {
	return quotaResources.Has(name) || name == corev1.ResourceStorage || isHugePages(name) ||
		strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix)
}

func resourceName(p *field.Path, name corev1.ResourceName) field.ErrorList {
	if errs := qualifiedName(p, string(name)); len(errs) > 0 {
		return errs
	}
	if !hasDomain(name) && !isStandardResource(name) {
		return field.ErrorList{field.Invalid(p, string(name), "must be a standard resource type or fully qualified")}
	}
	return nil
}

func containerResourceName(p *field.Path, name corev1.ResourceName) field.ErrorList {
	errs := resourceName(p, name)
	switch {
	case !hasDomain(name):
		if !isContainerResource(name) {
			errs = append(errs, field.Invalid(p, string(name), "must be a standard resource for containers"))
		}
	case !isNative(name) && !isExtended(name):
		errs = append(errs, field.Invalid(p, string(name), "doesn't follow extended resource name standard"))
	}
	return errs
}

// quantity must not be negative and, for what comes in pieces, must be whole.
func quantity(p *field.Path, name corev1.ResourceName, q resource.Quantity) (errs field.ErrorList) {
	if q.Sign() < 0 {
		errs = append(errs, field.Invalid(p, q.String(), negative))
	}
	if countedResources.Has(name) || isExtended(name) {
		if q.MilliValue()%1000 != 0 {
			errs = append(errs, field.Invalid(p, q.String(), "must be an integer"))
		}
	}
	return errs
}

// hugePages must be a whole number of pages; the size of a page is in the resource's name.
func hugePages(p *field.Path, name corev1.ResourceName, q resource.Quantity) field.ErrorList {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	if err == nil && size.Sign() > 0 && size.MilliValue()%1000 == 0 && q.Value()%size.Value() == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(p, q.String(), fmt.Sprintf("%s is not positive integer multiple of %s", q.String(), name))}
}

// resourceNames returns the names of a list in a fixed order.
func resourceNames(l corev1.ResourceList) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// resourceRequirements checks what a container asks for. claims are the names of the pod's
// resource claims.
func resourceRequirements(p *field.Path, r *corev1.ResourceRequirements, claims sets.Set[string]) (errs field.ErrorList) {
	limits, requests := p.Child("limits"), p.Child("requests")
	computes, hugepages := false, false
	seen := func(name corev1.ResourceName) {
		computes = computes || name == corev1.ResourceCPU || name == corev1.ResourceMemory
		hugepages = hugepages || isHugePages(name)
	}
	check := func(p *field.Path, name corev1.ResourceName, q resource.Quantity) {
		seen(name)
		errs = append(errs, containerResourceName(p, name)...)
		errs = append(errs, quantity(p, name, q)...)
		if isHugePages(name) {
			errs = append(errs, hugePages(p, name, q)...)
		}
	}
	for _, name := range resourceNames(r.Limits) {
		check(limits.Key(string(name)), name, r.Limits[name])
	}
	for _, name := range resourceNames(r.Requests) {
		request := r.Requests[name]
		check(requests.Key(string(name)), name, request)
		limit, limited := r.Limits[name]
		switch {
		case !limited && !mayOvercommit(name):
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		case limited && !mayOvercommit(name) && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case limited && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	if hugepages && !computes {
		errs = append(errs, field.Forbidden(p, "HugePages require cpu or memory"))
	}
	return append(errs, resourceClaimNames(p.Child("claims"), r.Claims, claims)...)
}

// resourceClaimNames checks the claims that a container uses: of a claim either all requests or
// each at most once.
func resourceClaimNames(p *field.Path, claims []corev1.ResourceClaim, known sets.Set[string]) (errs field.ErrorList) {
	seen := sets.New[string]()
	for i, c := range claims {
		at := p.Index(i)
		if c.Name == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		key := c.Name
		if c.Request != "" {
			errs = append(errs, dnsLabel(at.Child("request"), c.Request)...)
			key += "/" + c.Request
		}
		switch {
		case seen.Has(c.Name):
			errs = append(errs, field.Duplicate(at, c.Name))
		case seen.Has(key):
			errs = append(errs, field.Duplicate(at, key))
		}
		seen.Insert(key)
		if !known.Has(c.Name) {
			missing := field.NotFound(at, c.Name)
			missing.Detail = "must be one of the names in pod.spec.resourceClaims"
			if known.Len() == 0 {
				missing.Detail += " which is empty"
			} else {
				missing.Detail += ": " + strings.Join(sets.List(known), ", ")
			}
			errs = append(errs, missing)
		}
	}
	return errs
}

func resizePolicy(p *field.Path, policies []corev1.ContainerResizePolicy, restart corev1.RestartPolicy) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceName]()
	for i, r := range policies {
		if seen.Has(r.ResourceName) {
			errs = append(errs, field.Duplicate(p.Index(i), r.ResourceName))
		}
		seen.Insert(r.ResourceName)
		errs = append(errs, oneOf(p, r.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, oneOf(p, r.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)...)
		if restart == corev1.RestartPolicyNever && r.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(p, r.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

// overhead is what a runtime needs for a pod beside its containers.
func overhead(p *field.Path, l corev1.ResourceList) field.ErrorList {
	return resourceRequirements(p, &corev1.ResourceRequirements{Limits: l}, nil)
}
