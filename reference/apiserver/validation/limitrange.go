package validation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// LimitRange checks a new LimitRange.
func LimitRange(l *corev1.LimitRange) field.ErrorList {
	errs := newMeta(&l.ObjectMeta, namespaced, subdomainName)
	types := sets.New[corev1.LimitType]()
	for i := range l.Spec.Limits {
		at, item := specPath.Child("limits").Index(i), &l.Spec.Limits[i]
		if item.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		} else if types.Has(item.Type) {
			errs = append(errs, field.Duplicate(at.Child("type"), item.Type))
		}
		types.Insert(item.Type)
		errs = append(errs, limitType(at.Child("type"), item.Type)...)
		errs = append(errs, limitRangeItem(at, item)...)
	}
	return errs
}

// LimitRangeUpdate checks a replacement of a LimitRange; everything may change.
func LimitRangeUpdate(l, old *corev1.LimitRange) field.ErrorList {
	return append(updatedMeta(&l.ObjectMeta, &old.ObjectMeta), LimitRange(l)...)
}

// limitType: names without a domain are Kubernetes' own.
func limitType(p *field.Path, t corev1.LimitType) field.ErrorList {
	if t == "" {
		return nil
	}
	errs := qualifiedName(p, string(t))
	switch {
	case len(errs) > 0:
		return errs
	case strings.Contains(string(t), "/"):
	case t != corev1.LimitTypePod && t != corev1.LimitTypeContainer && t != corev1.LimitTypePersistentVolumeClaim:
		errs = append(errs, field.Invalid(p, t, "must be a standard limit type or fully qualified"))
	}
	return errs
}

func limitRangeItem(p *field.Path, i *corev1.LimitRangeItem) (errs field.ErrorList) {
	all := corev1.ResourceList{}
	for _, list := range []corev1.ResourceList{i.Max, i.Min, i.Default, i.DefaultRequest, i.MaxLimitRequestRatio} {
		for name := range list {
			all[name] = resource.Quantity{}
		}
	}
	if i.Type == corev1.LimitTypePod {
		if len(i.Default) > 0 {
			errs = append(errs, field.Forbidden(p.Child("default"), "may not be specified when `type` is 'Pod'"))
		}
		if len(i.DefaultRequest) > 0 {
			errs = append(errs, field.Forbidden(p.Child("defaultRequest"), "may not be specified when `type` is 'Pod'"))
		}
	}
	if i.Type == corev1.LimitTypePersistentVolumeClaim {
		_, lower := i.Min[corev1.ResourceStorage]
		_, upper := i.Max[corev1.ResourceStorage]
		if !lower && !upper {
			errs = append(errs, field.Required(p.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	for _, name := range resourceNames(all) {
		errs = append(errs, limitRangeNames(p, i.Type, name)...)
		errs = append(errs, limitRangeOrder(p, i, name)...)
	}
	return errs
}

func limitRangeNames(p *field.Path, t corev1.LimitType, name corev1.ResourceName) field.ErrorList {
	if t == corev1.LimitTypePod || t == corev1.LimitTypeContainer {
		return containerResourceName(p.Child("max").Key(string(name)), name)
	}
	return resourceName(p.Child("max").Key(string(name)), name)
}

// limitRangeOrder wants min ≤ default request ≤ default ≤ max.
func limitRangeOrder(p *field.Path, i *corev1.LimitRangeItem, name corev1.ResourceName) (errs field.ErrorList) {
	smallest, hasMin := i.Min[name]
	largest, hasMax := i.Max[name]
	limit, hasDefault := i.Default[name]
	request, hasRequest := i.DefaultRequest[name]
	ratio, hasRatio := i.MaxLimitRequestRatio[name]
	ordered := func(both bool, at, aName string, a resource.Quantity, bName string, b resource.Quantity) {
		if both && a.Cmp(b) > 0 {
			value := a
			if at == "default" && aName == "min" {
				value = b
			}
			errs = append(errs, field.Invalid(p.Child(at).Key(string(name)), value.String(),
				fmt.Sprintf("%s value %s is greater than %s value %s", aName, a.String(), bName, b.String())))
		}
	}
	ordered(hasMin && hasMax, "min", "min", smallest, "max", largest)
	ordered(hasRequest && hasMin, "defaultRequest", "min", smallest, "default request", request)
	ordered(hasRequest && hasMax, "defaultRequest", "default request", request, "max", largest)
	ordered(hasRequest && hasDefault, "defaultRequest", "default request", request, "default limit", limit)
	ordered(hasDefault && hasMin, "default", "min", smallest, "default", limit)
	ordered(hasDefault && hasMax, "default", "default", limit, "max", largest)
	if hasRatio && ratio.Cmp(resource.MustParse("1")) < 0 {
		errs = append(errs, field.Invalid(p.Child("maxLimitRequestRatio").Key(string(name)), ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	if hasRatio && hasMin && hasMax && smallest.Sign() > 0 {
		if most := largest.AsApproximateFloat64() / smallest.AsApproximateFloat64(); ratio.AsApproximateFloat64() > most {
			errs = append(errs, field.Invalid(p.Child("maxLimitRequestRatio").Key(string(name)), ratio.String(),
				fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), most)))
		}
	}
	if !mayOvercommit(name) && hasDefault && hasRequest && limit.Cmp(request) != 0 {
		errs = append(errs, field.Invalid(p.Child("defaultRequest").Key(string(name)), request.String(),
			fmt.Sprintf("default value %s must equal to defaultRequest value %s in %s", limit.String(), request.String(), name)))
	}
	return errs
}
