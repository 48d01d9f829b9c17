package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ResourceQuota checks a new ResourceQuota.
func ResourceQuota(q *corev1.ResourceQuota) field.ErrorList {
	errs := newMeta(&q.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, quotaList(specPath.Child("hard"), q.Spec.Hard)...)
	errs = append(errs, quotaScopes(specPath.Child("scopes"), &q.Spec)...)
	return append(errs, scopeSelector(specPath.Child("scopeSelector"), q.Spec.ScopeSelector)...)
}

func quotaList(p *field.Path, l corev1.ResourceList) (errs field.ErrorList) {
	for _, name := range resourceNames(l) {
		at := p.Key(string(name))
		errs = append(errs, resourceName(at, name)...)
		errs = append(errs, quantity(at, name, l[name])...)
	}
	return errs
}

// podScopes each choose some of the pods; the two of a pair exclude each other.
var podScopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
	corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort,
	corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity}

func quotaScopes(p *field.Path, s *corev1.ResourceQuotaSpec) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceQuotaScope]()
	known := sets.New(podScopes...).Insert(corev1.ResourceQuotaScopeVolumeAttributesClass)
	for _, scope := range s.Scopes {
		if !known.Has(scope) {
			errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope"))
		}
		for _, name := range resourceNames(s.Hard) {
			if scope == corev1.ResourceQuotaScopeBestEffort && name != corev1.ResourcePods || known.Has(scope) && isObjectCount(name) {
				errs = append(errs, field.Invalid(p, s.Scopes, fmt.Sprintf("unsupported scope applied to resource %s", name)))
			}
		}
		seen.Insert(scope)
	}
	if seen.HasAll(corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort) ||
		seen.HasAll(corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating) {
		errs = append(errs, field.Invalid(p, s.Scopes, "conflicting scopes"))
	}
	return errs
}

// isObjectCount says whether a quota's resource counts objects other than pods, to which scopes do not apply.
func isObjectCount(name corev1.ResourceName) bool {
	return countedResources.Has(name) && name != corev1.ResourcePods && name != corev1.ResourcePersistentVolumeClaims
}

func scopeSelector(p *field.Path, s *corev1.ScopeSelector) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	for i, r := range s.MatchExpressions {
		at := p.Child("matchExpressions").Index(i)
		known := append([]corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeVolumeAttributesClass}, podScopes...)
		errs = append(errs, supportedValue(at.Child("scopeName"), r.ScopeName, known...)...)
		switch r.Operator {
		case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
			if len(r.Values) == 0 {
				errs = append(errs, field.Required(at.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
			}
		case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
			if len(r.Values) > 0 {
				errs = append(errs, field.Invalid(at.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
			}
		default:
			errs = append(errs, field.Invalid(at.Child("operator"), r.Operator, "not a valid selector operator"))
		}
	}
	return errs
}

// ResourceQuotaUpdate checks a replacement of a ResourceQuota, whose scopes cannot change.
func ResourceQuotaUpdate(q, old *corev1.ResourceQuota) field.ErrorList {
	errs := append(updatedMeta(&q.ObjectMeta, &old.ObjectMeta), ResourceQuota(q)...)
	if !sets.New(q.Spec.Scopes...).Equal(sets.New(old.Spec.Scopes...)) {
		errs = append(errs, field.Invalid(specPath.Child("scopes"), q.Spec.Scopes, immutable))
	}
	return errs
}

// ResourceQuotaStatusUpdate checks a write to a ResourceQuota's status.
func ResourceQuotaStatusUpdate(q, old *corev1.ResourceQuota) field.ErrorList {
	errs := updatedMeta(&q.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, quotaList(statusPath.Child("hard"), q.Status.Hard)...)
	return append(errs, quotaList(statusPath.Child("used"), q.Status.Used)...)
}
