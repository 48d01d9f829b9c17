package validation

import (
	"maps"
	"slices"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Scope says whether objects of a kind live in a namespace.
const (
	namespaced    = true
	clusterScoped = false
)

var (
	metadataPath = field.NewPath("metadata")
	specPath     = field.NewPath("spec")
	statusPath   = field.NewPath("status")
)

// Names of most kinds are DNS subdomains; the others name their rule where they are validated.
var (
	subdomainName = apivalidation.NameIsDNSSubdomain
	labelName     = apivalidation.NameIsDNSLabel
	dns1035Name   = apivalidation.NameIsDNS1035Label
)

const (
	notPositive = "must be greater than zero"
	immutable   = apivalidation.FieldImmutableErrorMsg
	negative    = apivalidation.IsNegativeErrorMsg
)

func newMeta(m *metav1.ObjectMeta, scope bool, name apivalidation.ValidateNameFunc) field.ErrorList {
	return apivalidation.ValidateObjectMeta(m, scope, name, metadataPath)
}

func updatedMeta(m, old *metav1.ObjectMeta) field.ErrorList {
	return apivalidation.ValidateObjectMetaUpdate(m, old, metadataPath)
}

// invalids turns the messages of a k8s.io/apimachinery check of value into errors at p.
func invalids(p *field.Path, value any, messages []string) (errs field.ErrorList) {
	for _, m := range messages {
		errs = append(errs, field.Invalid(p, value, m))
	}
	return errs
}

func nonNegative[N int32 | int64](p *field.Path, n N) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(int64(n), p)
}

func nonNegativePtr[N int32 | int64](p *field.Path, n *N) field.ErrorList {
	if n == nil {
		return nil
	}
	return nonNegative(p, *n)
}

func dnsLabel(p *field.Path, s string) field.ErrorList {
	return invalids(p, s, validation.IsDNS1123Label(s))
}

func dnsSubdomain(p *field.Path, s string) field.ErrorList {
	return invalids(p, s, validation.IsDNS1123Subdomain(s))
}

func qualifiedName(p *field.Path, s string) field.ErrorList {
	return invalids(p, s, validation.IsQualifiedName(s))
}

func required(p *field.Path, s string) field.ErrorList {
	if s == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return nil
}

// oneOf refuses a value that is not among supported; an absent one is "required".
func oneOf[T ~string](p *field.Path, value T, supported ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return supportedValue(p, value, supported...)
}

// supportedValue refuses a value, even an empty one, that is not among supported.
func supportedValue[T ~string](p *field.Path, value T, supported ...T) field.ErrorList {
	if slices.Contains(supported, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(p, value, supported)}
}

// oneOfPtr is supportedValue for an optional field.
func oneOfPtr[T ~string](p *field.Path, value *T, supported ...T) field.ErrorList {
	if value == nil {
		return nil
	}
	return supportedValue(p, *value, supported...)
}

func portNumber(p *field.Path, port int32) field.ErrorList {
	return invalids(p, port, validation.IsValidPortNum(int(port)))
}

func portNumberOrName(p *field.Path, port intstr.IntOrString) field.ErrorList {
	if port.Type == intstr.Int {
		return invalids(p, port.IntValue(), validation.IsValidPortNum(port.IntValue()))
	}
	return invalids(p, port.StrVal, validation.IsValidPortName(port.StrVal))
}

func labelSelector(p *field.Path, s *metav1.LabelSelector) field.ErrorList {
	return metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, p)
}

func labels(p *field.Path, l map[string]string) field.ErrorList {
	return metav1validation.ValidateLabels(l, p)
}

func unchanged(p *field.Path, value, old any) field.ErrorList {
	return apivalidation.ValidateImmutableField(value, old, p)
}

func equal(a, b any) bool { return apiequality.Semantic.DeepEqual(a, b) }

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// lowerSubdomain is a DNS subdomain in which case does not matter.
func lowerSubdomain(p *field.Path, s string) field.ErrorList {
	return invalids(p, s, validation.IsDNS1123Subdomain(strings.ToLower(s)))
}

func domainPrefixed(p *field.Path, s string) field.ErrorList {
	return validation.IsDomainPrefixedPath(p, s)
}
