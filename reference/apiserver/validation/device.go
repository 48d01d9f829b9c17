package validation

import (
	"encoding/json"
	"fmt"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The pieces that the kinds of resource.k8s.io have in common. Formats and most limits are declared by tags (package
// declared); what is here crosses fields, or has no enforced tag.

// atMost refuses lists that are too long.
func atMost(p *field.Path, n, limit int) field.ErrorList {
	if n > limit {
		return field.ErrorList{field.TooMany(p, n, limit)}
	}
	return nil
}

// driverName wants a DNS subdomain of at most 63 bytes, in which case does not matter.
func driverName(p *field.Path, name string) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLong(p, name, resourcev1.DriverNameMaxLength))
	}
	return append(errs, lowerSubdomain(p, name)...)
}

// poolName wants DNS subdomains joined by slashes.
func poolName(p *field.Path, name string) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(name) > resourcev1.PoolNameMaxLength {
		errs = append(errs, field.TooLong(p, name, resourcev1.PoolNameMaxLength))
	}
	for _, part := range strings.Split(name, "/") {
		errs = append(errs, dnsSubdomain(p, part)...)
	}
	return errs
}

// deviceLabel is the name of a device, request, counter or counter set.
func deviceLabel(p *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return dnsLabel(p, name)
}

// qualifiedDeviceName is the name of an attribute or capacity: a C identifier, with the driver's domain before it or not.
func qualifiedDeviceName(p *field.Path, name resourcev1.QualifiedName) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "name required")}
	}
	parts := strings.Split(string(name), "/")
	switch len(parts) {
	case 1:
		return identifier(p, parts[0])
	case 2:
		if parts[0] == "" {
			errs = append(errs, field.Required(p, "the domain must not be empty"))
		} else {
			errs = append(errs, driverName(p, parts[0])...)
		}
		if parts[1] == "" {
			return append(errs, field.Required(p, "the name must not be empty"))
		}
		return append(errs, identifier(p, parts[1])...)
	default:
		return field.ErrorList{field.Invalid(p, name, "must contain exactly one slash")}
	}
}

func fullyQualifiedDeviceName(p *field.Path, name resourcev1.FullyQualifiedName) field.ErrorList {
	errs := qualifiedDeviceName(p, resourcev1.QualifiedName(name))
	if name != "" && !strings.Contains(string(name), "/") {
		errs = append(errs, field.Invalid(p, name, "must include a domain"))
	}
	return errs
}

func identifier(p *field.Path, id string) (errs field.ErrorList) {
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(p, id, resourcev1.DeviceMaxIDLength))
	}
	return append(errs, invalids(p, id, validation.IsCIdentifier(id))...)
}

// deviceSelectors checks CEL expressions over devices.
func deviceSelectors(p *field.Path, selectors []resourcev1.DeviceSelector) field.ErrorList {
	errs := atMost(p, len(selectors), resourcev1.DeviceSelectorsMaxSize)
	for i, s := range selectors {
		cel := p.Index(i).Child("cel")
		if s.CEL == nil {
			errs = append(errs, field.Required(cel, ""))
			continue
		}
		errs = append(errs, deviceExpression(cel.Child("expression"), s.CEL.Expression)...)
	}
	return errs
}

// deviceConfiguration wants the one kind of configuration there is.
func deviceConfiguration(p *field.Path, c resourcev1.DeviceConfiguration) field.ErrorList {
	if c.Opaque == nil {
		return field.ErrorList{field.Required(p.Child("opaque"), "")}
	}
	opaque := p.Child("opaque")
	errs := driverName(opaque.Child("driver"), c.Opaque.Driver)
	return append(errs, jsonObject(opaque.Child("parameters"), c.Opaque.Parameters, resourcev1.OpaqueParametersMaxLength, true)...)
}

// jsonObject wants a JSON object of at most limit bytes.
func jsonObject(p *field.Path, raw runtime.RawExtension, limit int, mustBe bool) field.ErrorList {
	if len(raw.Raw) == 0 {
		if mustBe {
			return field.ErrorList{field.Required(p, "")}
		}
		return nil
	}
	if len(raw.Raw) > limit {
		return field.ErrorList{field.TooLong(p, "" /* unused */, limit)}
	}
	var v any
	if err := json.Unmarshal(raw.Raw, &v); err != nil {
		return field.ErrorList{field.Invalid(p, omitted, fmt.Sprintf("error parsing data as JSON: %v", err))}
	}
	if v == nil {
		return field.ErrorList{field.Required(p, "")}
	}
	if _, ok := v.(map[string]any); !ok {
		return field.ErrorList{field.Invalid(p, omitted, "must be a valid JSON object")}
	}
	return nil
}

func deviceTaint(p *field.Path, t resourcev1.DeviceTaint) field.ErrorList {
	errs := required(p.Child("key"), t.Key)
	if t.Key != "" {
		errs = append(errs, qualifiedName(p.Child("key"), t.Key)...)
	}
	errs = append(errs, invalids(p.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
	return append(errs, oneOf(p.Child("effect"), t.Effect,
		resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone)...)
}

func deviceTolerations(p *field.Path, list []resourcev1.DeviceToleration) field.ErrorList {
	errs := atMost(p, len(list), resourcev1.DeviceTolerationsMaxLength)
	for i, t := range list {
		at := p.Index(i)
		if t.Key != "" {
			errs = append(errs, qualifiedName(at.Child("key"), t.Key)...)
		}
		switch t.Operator {
		case resourcev1.DeviceTolerationOpExists:
			if t.Value != "" {
				errs = append(errs, field.Invalid(at.Child("value"), t.Value, "must be empty for operator `Exists`"))
			}
		case resourcev1.DeviceTolerationOpEqual:
			errs = append(errs, invalids(at.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
			if t.Key == "" {
				errs = append(errs, field.Required(at.Child("key"), ""))
			}
		default:
			errs = append(errs, oneOf(at.Child("operator"), t.Operator, resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists)...)
		}
		if t.Effect != "" {
			errs = append(errs, supportedValue(at.Child("effect"), t.Effect,
				resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone)...)
		}
	}
	return errs
}

// distinct refuses values that a list has already.
func distinct[T any, K comparable](p *field.Path, list []T, key func(T) K, at func(*field.Path) *field.Path) (errs field.ErrorList) {
	seen := sets.New[K]()
	for i, v := range list {
		k := key(v)
		if seen.Has(k) {
			errs = append(errs, field.Duplicate(at(p.Index(i)), k))
		}
		seen.Insert(k)
	}
	return errs
}

func itself(p *field.Path) *field.Path { return p }
