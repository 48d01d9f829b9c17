package validation

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ResourceSlice checks a new ResourceSlice.
func ResourceSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	return append(newMeta(&s.ObjectMeta, clusterScoped, subdomainName), resourceSliceSpec(&s.Spec)...)
}

// ResourceSliceUpdate checks a replacement: whose devices these are never changes.
func ResourceSliceUpdate(s, old *resourcev1.ResourceSlice) field.ErrorList {
	errs := updatedMeta(&s.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, resourceSliceSpec(&s.Spec)...)
	errs = append(errs, unchanged(specPath.Child("driver"), s.Spec.Driver, old.Spec.Driver)...)
	errs = append(errs, unchanged(specPath.Child("pool", "name"), s.Spec.Pool.Name, old.Spec.Pool.Name)...)
	return append(errs, unchanged(specPath.Child("nodeName"), s.Spec.NodeName, old.Spec.NodeName)...)
}

func resourceSliceSpec(s *resourcev1.ResourceSliceSpec) field.ErrorList {
	errs := driverName(specPath.Child("driver"), s.Driver)
	pool := specPath.Child("pool")
	errs = append(errs, poolName(pool.Child("name"), s.Pool.Name)...)
	if s.Pool.ResourceSliceCount <= 0 {
		errs = append(errs, field.Invalid(pool.Child("resourceSliceCount"), s.Pool.ResourceSliceCount, notPositive))
	}
	errs = append(errs, nonNegative(pool.Child("generation"), s.Pool.Generation)...)
	errs = append(errs, sliceNodes(s)...)
	if len(s.Devices) > 0 && len(s.SharedCounters) > 0 {
		errs = append(errs, field.Invalid(specPath, "{`sharedCounters`, `devices`}", "only one of `sharedCounters` or `devices` is allowed"))
	}
	counters := specPath.Child("sharedCounters")
	errs = append(errs, atMost(counters, len(s.SharedCounters), resourcev1.ResourceSliceMaxCounterSets)...)
	for i, set := range s.SharedCounters {
		errs = append(errs, deviceLabel(counters.Index(i).Child("name"), set.Name)...)
		errs = append(errs, deviceCounters(counters.Index(i).Child("counters"), set.Counters, resourcev1.ResourceSliceMaxCountersPerCounterSet)...)
	}
	devices := specPath.Child("devices")
	errs = append(errs, atMost(devices, len(s.Devices), deviceLimit(s.Devices))...)
	errs = append(errs, distinct(devices, s.Devices, func(d resourcev1.Device) string { return d.Name },
		func(p *field.Path) *field.Path { return p.Child("name") })...)
	perDevice := s.PerDeviceNodeSelection != nil && *s.PerDeviceNodeSelection
	for i := range s.Devices {
		errs = append(errs, device(devices.Index(i), &s.Devices[i], perDevice)...)
	}
	return errs
}

// deviceLimit is smaller for slices with devices that are larger.
func deviceLimit(devices []resourcev1.Device) int {
	for i := range devices {
		if len(devices[i].Taints) > 0 || len(devices[i].ConsumesCounters) > 0 {
			return resourcev1.ResourceSliceMaxDevicesWithAdvancedFeatures
		}
	}
	return resourcev1.ResourceSliceMaxDevices
}

func sliceNodes(s *resourcev1.ResourceSliceSpec) (errs field.ErrorList) {
	set, errs := nodeChoice(specPath, s.NodeName, s.NodeSelector, s.AllNodes)
	if s.PerDeviceNodeSelection != nil {
		if *s.PerDeviceNodeSelection {
			set = append(set, "`perDeviceNodeSelection`")
		} else {
			errs = append(errs, field.Invalid(specPath.Child("perDeviceNodeSelection"), false, "must be either unset or set to true"))
		}
	}
	const exactlyOne = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	switch len(set) {
	case 0:
		return append(errs, field.Required(specPath, exactlyOne))
	case 1:
		return errs
	default:
		return append(errs, field.Invalid(specPath, fmt.Sprintf("{%s}", strings.Join(set, ", ")), exactlyOne+", but multiple fields are set"))
	}
}

// nodeChoice returns which of the ways to choose nodes are taken, and what is wrong with each.
func nodeChoice(p *field.Path, name *string, selector *corev1.NodeSelector, all *bool) (set []string, errs field.ErrorList) {
	if name != nil {
		set = append(set, "`nodeName`")
		errs = append(errs, invalids(p.Child("nodeName"), *name, apivalidation.NameIsDNSSubdomain(*name, false))...)
	}
	if selector != nil {
		set = append(set, "`nodeSelector`")
		errs = append(errs, oneTerm(p.Child("nodeSelector"), selector)...)
	}
	if all != nil {
		if *all {
			set = append(set, "`allNodes`")
		} else {
			errs = append(errs, field.Invalid(p.Child("allNodes"), false, "must be either unset or set to true"))
		}
	}
	return set, errs
}

func oneTerm(p *field.Path, s *corev1.NodeSelector) field.ErrorList {
	errs := nodeSelector(p, s)
	if len(s.NodeSelectorTerms) != 1 {
		errs = append(errs, field.Invalid(p.Child("nodeSelectorTerms"), s.NodeSelectorTerms, "must have exactly one node selector term"))
	}
	return errs
}

func deviceCounters(p *field.Path, counters map[string]resourcev1.Counter, limit int) (errs field.ErrorList) {
	if len(counters) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	errs = atMost(p, len(counters), limit)
	for _, name := range sortedKeys(counters) {
		errs = append(errs, deviceLabel(p.Key(name), name)...)
	}
	return errs
}

func device(p *field.Path, d *resourcev1.Device, perDevice bool) field.ErrorList {
	errs := deviceLabel(p.Child("name"), d.Name)
	if n := len(d.Attributes) + len(d.Capacity); n > resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice {
		errs = append(errs, field.Invalid(p, n, fmt.Sprintf("the total number of attributes and capacities must not exceed %d", resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice)))
	}
	for _, name := range sortedKeys(d.Attributes) {
		at := p.Child("attributes").Key(string(name))
		errs = append(errs, qualifiedDeviceName(at, name)...)
		errs = append(errs, deviceAttribute(at, d.Attributes[name])...)
	}
	for _, name := range sortedKeys(d.Capacity) {
		errs = append(errs, qualifiedDeviceName(p.Child("capacity").Key(string(name)), name)...)
	}
	taints := p.Child("taints")
	errs = append(errs, atMost(taints, len(d.Taints), resourcev1.DeviceTaintsMaxLength)...)
	for i, t := range d.Taints {
		errs = append(errs, deviceTaint(taints.Index(i), t)...)
	}
	consumes := p.Child("consumesCounters")
	errs = append(errs, atMost(consumes, len(d.ConsumesCounters), resourcev1.ResourceSliceMaxDeviceCounterConsumptionsPerDevice)...)
	for i, c := range d.ConsumesCounters {
		errs = append(errs, deviceLabel(consumes.Index(i).Child("counterSet"), c.CounterSet)...)
		errs = append(errs, deviceCounters(consumes.Index(i).Child("counters"), c.Counters, resourcev1.ResourceSliceMaxCountersPerDeviceCounterConsumption)...)
	}
	errs = append(errs, bindingConditions(p, d.BindingConditions, d.BindingFailureConditions)...)
	return append(errs, deviceNodes(p, d, perDevice)...)
}

func deviceNodes(p *field.Path, d *resourcev1.Device, perDevice bool) field.ErrorList {
	if !perDevice {
		set, _ := nodeChoice(p, d.NodeName, d.NodeSelector, d.AllNodes)
		var errs field.ErrorList
		for _, name := range set {
			errs = append(errs, field.Invalid(p.Child(strings.Trim(name, "`")), "<omitted>", "must not be set unless `perDeviceNodeSelection` is true"))
		}
		return errs
	}
	set, errs := nodeChoice(p, d.NodeName, d.NodeSelector, d.AllNodes)
	const exactlyOne = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
	switch len(set) {
	case 0:
		errs = append(errs, field.Required(p, exactlyOne))
	case 1:
	default:
		errs = append(errs, field.Invalid(p, fmt.Sprintf("{%s}", strings.Join(set, ", ")), exactlyOne))
	}
	return errs
}

func bindingConditions(p *field.Path, conditions, failures []string) field.ErrorList {
	errs := conditionTypes(p.Child("bindingConditions"), conditions, resourcev1.BindingConditionsMaxSize)
	return append(errs, conditionTypes(p.Child("bindingFailureConditions"), failures, resourcev1.BindingFailureConditionsMaxSize)...)
}

func conditionTypes(p *field.Path, types []string, limit int) field.ErrorList {
	errs := atMost(p, len(types), limit)
	errs = append(errs, distinct(p, types, func(s string) string { return s }, itself)...)
	for i, t := range types {
		errs = append(errs, qualifiedName(p.Index(i), t)...)
	}
	return errs
}

// semantic is the grammar of semver.org 2.0.0.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

func deviceAttribute(p *field.Path, a resourcev1.DeviceAttribute) (errs field.ErrorList) {
	n := 0
	for _, isSet := range []bool{a.IntValue != nil, a.BoolValue != nil, a.StringValue != nil, a.VersionValue != nil,
		len(a.IntValues) > 0, len(a.BoolValues) > 0, len(a.StringValues) > 0, len(a.VersionValues) > 0} {
		if isSet {
			n++
		}
	}
	if s := a.StringValue; s != nil && len(*s) > resourcev1.DeviceAttributeMaxValueLength {
		errs = append(errs, field.TooLong(p.Child("string"), *s, resourcev1.DeviceAttributeMaxValueLength))
	}
	if v := a.VersionValue; v != nil {
		if !semantic.MatchString(*v) {
			errs = append(errs, field.Invalid(p.Child("version"), *v, "must be a string compatible with semver.org spec 2.0.0"))
		}
		if len(*v) > resourcev1.DeviceAttributeMaxValueLength {
			errs = append(errs, field.TooLong(p.Child("version"), *v, resourcev1.DeviceAttributeMaxValueLength))
		}
	}
	switch n {
	case 0:
		errs = append(errs, field.Required(p, "exactly one value must be specified"))
	case 1:
	default:
		errs = append(errs, field.Invalid(p, a, "exactly one value must be specified"))
	}
	return errs
}
