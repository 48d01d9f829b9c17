package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubectl/pkg/util/qos"
)

// podInScope says whether the scope selects the pod.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
func podInScope(scope corev1.ScopedResourceSelectorRequirement, p *corev1.Pod) (bool, error) {
	switch scope.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return isTerminating(p), nil
	case corev1.ResourceQuotaScopeNotTerminating:
		return !isTerminating(p), nil
	case corev1.ResourceQuotaScopeBestEffort:
		return isBestEffort(p), nil
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !isBestEffort(p), nil
	case corev1.ResourceQuotaScopePriorityClass:
		return selects(scope, p.Spec.PriorityClassName)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return looksElsewhere(p.Spec.Affinity), nil
	}
	return false, nil
}

// isTerminating says whether the pod is sure to end: it has a deadline.
func isTerminating(p *corev1.Pod) bool {
	return p.Spec.ActiveDeadlineSeconds != nil && *p.Spec.ActiveDeadlineSeconds >= 0
}

func isBestEffort(p *corev1.Pod) bool { return qos.GetPodQOS(p) == corev1.PodQOSBestEffort }

// looksElsewhere says whether a pod affinity term names namespaces, by list or by selector.
func looksElsewhere(a *corev1.Affinity) bool {
	if a == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	weighted := func(all []corev1.WeightedPodAffinityTerm) {
		for _, w := range all {
			terms = append(terms, w.PodAffinityTerm)
		}
	}
	if a.PodAffinity != nil {
		terms = append(terms, a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted(a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a.PodAntiAffinity != nil {
		terms = append(terms, a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted(a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool {
		return len(t.Namespaces) > 0 || t.NamespaceSelector != nil
	})
}

// selects applies the operator of a scope to the classes that an object names; an empty name is none.
func selects(scope corev1.ScopedResourceSelectorRequirement, classes ...string) (bool, error) {
	classes = slices.DeleteFunc(slices.Clone(classes), func(c string) bool { return c == "" })
	listed := slices.ContainsFunc(classes, func(c string) bool { return slices.Contains(scope.Values, c) })
	switch scope.Operator {
	case corev1.ScopeSelectorOpExists:
		return len(classes) > 0, nil
	case corev1.ScopeSelectorOpDoesNotExist:
		return len(classes) == 0, nil
	case corev1.ScopeSelectorOpIn:
		return listed, nil
	case corev1.ScopeSelectorOpNotIn:
		return !listed, nil
	}
	return false, fmt.Errorf("%q is not a valid scope selector operator", scope.Operator)
}
