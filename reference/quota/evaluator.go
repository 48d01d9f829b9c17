package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

// object is a pointer to an API object.
type object interface {
	comparable
	runtime.Object
}

// evaluator measures one kind of object. All its functions are pure.
type evaluator[T object] struct {
	resource schema.GroupResource
	// measures says whether objects of this kind can use the quota's resource.
	measures func(corev1.ResourceName) bool
	// handles says which requests can change the use.
	handles func(op admission.Operation, subresource string) bool
	// usage is what one object uses.
	usage func(T) corev1.ResourceList
	// inScope says whether a scope selects the object. None: scopes select nothing of this kind.
	inScope func(corev1.ScopedResourceSelectorRequirement, T) (bool, error)
	// constraint refuses an object that does not say how much it uses. Optional.
	constraint func(required []corev1.ResourceName, o T) error
	// list returns the namespace's objects. Admission does without.
	list generic.ListFuncByNamespace
}

var _ quota.Evaluator = &evaluator[*corev1.Pod]{}

func (e *evaluator[T]) GroupResource() schema.GroupResource { return e.resource }

func (e *evaluator[T]) Handles(a admission.Attributes) bool {
	return e.handles(a.GetOperation(), a.GetSubresource())
}

func (e *evaluator[T]) MatchingResources(names []corev1.ResourceName) []corev1.ResourceName {
	return slices.DeleteFunc(slices.Clone(names), func(name corev1.ResourceName) bool { return !e.measures(name) })
}

func (e *evaluator[T]) Matches(q *corev1.ResourceQuota, item runtime.Object) (bool, error) {
	return generic.Matches(q, item, e.MatchingResources, e.matchesScope)
}

func (e *evaluator[T]) matchesScope(scope corev1.ScopedResourceSelectorRequirement, item runtime.Object) (bool, error) {
	o, err := as[T](item)
	if err != nil || e.inScope == nil {
		return false, err
	}
	return e.inScope(scope, o)
}

// MatchingScopes returns those of the scopes that select the object.
func (e *evaluator[T]) MatchingScopes(item runtime.Object, scopes []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	matching := []corev1.ScopedResourceSelectorRequirement{}
	for _, scope := range scopes {
		matches, err := e.matchesScope(scope, item)
		if err != nil {
			return nil, fmt.Errorf("error on matching scope %v: %w", scope, err)
		}
		if matches {
			matching = append(matching, scope)
		}
	}
	return matching, nil
}

// UncoveredQuotaScopes returns the limited scopes for which no quota of the same scope was found.
func (e *evaluator[T]) UncoveredQuotaScopes(limited, covered []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	return slices.DeleteFunc(slices.Clone(limited), func(l corev1.ScopedResourceSelectorRequirement) bool {
		return slices.ContainsFunc(covered, func(c corev1.ScopedResourceSelectorRequirement) bool { return c.ScopeName == l.ScopeName })
	}), nil
}

func (e *evaluator[T]) Constraints(required []corev1.ResourceName, item runtime.Object) error {
	o, err := as[T](item)
	if err != nil || e.constraint == nil {
		return err
	}
	return e.constraint(required, o)
}

func (e *evaluator[T]) Usage(item runtime.Object) (corev1.ResourceList, error) {
	o, err := as[T](item)
	if err != nil {
		return nil, err
	}
	return e.usage(o), nil
}

func (e *evaluator[T]) UsageStats(options quota.UsageStatsOptions) (quota.UsageStats, error) {
	return generic.CalculateUsageStats(options, e.list, e.matchesScope, e.Usage)
}

func as[T object](item runtime.Object) (T, error) {
	o, ok := item.(T)
	if !ok {
		return o, fmt.Errorf("expect %T, got %T", o, item)
	}
	return o, nil
}

// oneOf is a measures function for a fixed set of names.
func oneOf(names ...corev1.ResourceName) func(corev1.ResourceName) bool {
	return func(name corev1.ResourceName) bool { return slices.Contains(names, name) }
}
