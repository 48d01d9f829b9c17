package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// resolveMatchLabelKeys turns matchLabelKeys and mismatchLabelKeys of affinity terms and spread
// constraints into selector requirements on the pod's own label values (KEP-3633, KEP-3243), so
// that schedulers need to know selectors only.
func resolveMatchLabelKeys(p *corev1.Pod) {
	if a := p.Spec.Affinity; a != nil {
		if pa := a.PodAffinity; pa != nil {
			resolveTerms(p.Labels, pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		if pa := a.PodAntiAffinity; pa != nil {
			resolveTerms(p.Labels, pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution)
		}
	}
	for i := range p.Spec.TopologySpreadConstraints {
		c := &p.Spec.TopologySpreadConstraints[i]
		require(c.LabelSelector, p.Labels, c.MatchLabelKeys, metav1.LabelSelectorOpIn)
	}
}

func resolveTerms(labels map[string]string, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
	resolve := func(t *corev1.PodAffinityTerm) {
		require(t.LabelSelector, labels, t.MatchLabelKeys, metav1.LabelSelectorOpIn)
		require(t.LabelSelector, labels, t.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	}
	for i := range required {
		resolve(&required[i])
	}
	for i := range preferred {
		resolve(&preferred[i].PodAffinityTerm)
	}
}

func require(selector *metav1.LabelSelector, labels map[string]string, keys []string, op metav1.LabelSelectorOperator) {
	if selector == nil {
		return
	}
	for _, key := range keys {
		if value, ok := labels[key]; ok {
			r := metav1.LabelSelectorRequirement{Key: key, Operator: op, Values: []string{value}}
			// A pod may be made from the manifest of another one, where it was resolved already.
			if !slices.ContainsFunc(selector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool { return equality.Semantic.DeepEqual(e, r) }) {
				selector.MatchExpressions = append(selector.MatchExpressions, r)
			}
		}
	}
}
