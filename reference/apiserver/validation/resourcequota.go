package validation

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ResourceQuota checks a new ResourceQuota.
func ResourceQuota(q *corev1.ResourceQuota) field.ErrorList {
	errs := newMeta(&q.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, quotaList(specPath.Child("hard"), q.Spec.Hard)...)
	errs = append(errs, quotaScopes(specPath.Child("scopes"), &q.Spec)...)
	return append(errs, scopeSelector(specPath.Child("scopeSelector"), &q.Spec)...)
}

func quotaList(p *field.Path, l corev1.ResourceList) (errs field.ErrorList) {
	for _, name := range resourceNames(l) {
		at := p.Key(string(name))
		errs = append(errs, resourceName(at, name)...)
		if !hasDomain(name) && !isQuotaResource(name) {
			errs = append(errs, field.Invalid(at, string(name), "must be a standard resource for quotas"))
		}
		errs = append(errs, quantity(at, name, l[name])...)
	}
	return errs
}

func isQuotaResource(name corev1.ResourceName) bool {
	return quotaResources.Has(name) || isHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix)
}

// quotaScopeNames are all scopes; each chooses some of the pods, or of the claims.
var quotaScopeNames = sets.New(corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
	corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopePriorityClass,
	corev1.ResourceQuotaScopeCrossNamespacePodAffinity, corev1.ResourceQuotaScopeVolumeAttributesClass)

// scopedResources are what may be counted, or measured, of the pods in a scope.
var scopedResources = sets.New(corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceLimitsCPU,
	corev1.ResourceLimitsMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory)

// scopeCovers says whether a quota with the scope can limit the resource. Resources that are not
// Kubernetes' own fit every scope.
func scopeCovers(scope corev1.ResourceQuotaScope, name corev1.ResourceName) bool {
	switch {
	case !isQuotaResource(name):
		return true
	case scope == corev1.ResourceQuotaScopeBestEffort: // such pods ask for nothing
		return name == corev1.ResourcePods
	case scope == corev1.ResourceQuotaScopeVolumeAttributesClass:
		return name == corev1.ResourcePersistentVolumeClaims || name == corev1.ResourceRequestsStorage
	case quotaScopeNames.Has(scope):
		return scopedResources.Has(name)
	}
	return true
}

func conflicting(scopes sets.Set[corev1.ResourceQuotaScope]) bool {
	return scopes.HasAll(corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort) ||
		scopes.HasAll(corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating)
}

func quotaScopes(p *field.Path, s *corev1.ResourceQuotaSpec) (errs field.ErrorList) {
	for _, scope := range s.Scopes {
		if !quotaScopeNames.Has(scope) {
			errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope"))
		}
		for _, name := range resourceNames(s.Hard) {
			if !scopeCovers(scope, name) {
				errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope applied to resource"))
			}
		}
	}
	if conflicting(sets.New(s.Scopes...)) {
		errs = append(errs, field.Invalid(p, s.Scopes, "conflicting scopes"))
	}
	return errs
}

const onlyExists = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, " +
	"ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

// scopeSelector checks spec.scopeSelector, whose errors do not say which expression they are about.
func scopeSelector(p *field.Path, s *corev1.ResourceQuotaSpec) (errs field.ErrorList) {
	if s.ScopeSelector == nil {
		return nil
	}
	at, seen := p.Child("matchExpressions"), sets.New[corev1.ResourceQuotaScope]()
	for _, r := range s.ScopeSelector.MatchExpressions {
		if !quotaScopeNames.Has(r.ScopeName) {
			errs = append(errs, field.Invalid(at.Child("scopeName"), r.ScopeName, "unsupported scope"))
		}
		for _, name := range resourceNames(s.Hard) {
			if !scopeCovers(r.ScopeName, name) {
				errs = append(errs, field.Invalid(at, s.ScopeSelector, "unsupported scope applied to resource"))
			}
		}
		errs = append(errs, scopeOperator(at, &r)...)
		seen.Insert(r.ScopeName)
	}
	if conflicting(seen) {
		errs = append(errs, field.Invalid(at, s.ScopeSelector, "conflicting scopes"))
	}
	return errs
}

func scopeOperator(p *field.Path, r *corev1.ScopedResourceSelectorRequirement) (errs field.ErrorList) {
	valued := r.ScopeName == corev1.ResourceQuotaScopePriorityClass || r.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass
	if quotaScopeNames.Has(r.ScopeName) && !valued && r.Operator != corev1.ScopeSelectorOpExists {
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, onlyExists))
	}
	switch r.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(p.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Invalid(p.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
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
