package validation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func affinity(p *field.Path, a *corev1.Affinity) (errs field.ErrorList) {
	if a == nil {
		return nil
	}
	if n := a.NodeAffinity; n != nil {
		errs = append(errs, nodeAffinity(p.Child("nodeAffinity"), n)...)
	}
	if n := a.PodAffinity; n != nil {
		errs = append(errs, podAffinity(p.Child("podAffinity"), n.RequiredDuringSchedulingIgnoredDuringExecution,
			n.PreferredDuringSchedulingIgnoredDuringExecution)...)
	}
	if n := a.PodAntiAffinity; n != nil {
		errs = append(errs, podAffinity(p.Child("podAntiAffinity"), n.RequiredDuringSchedulingIgnoredDuringExecution,
			n.PreferredDuringSchedulingIgnoredDuringExecution)...)
	}
	return errs
}

const (
	requiredTerms  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferredTerms = "preferredDuringSchedulingIgnoredDuringExecution"
)

func weight(p *field.Path, w int32) field.ErrorList {
	if w < 1 || w > 100 {
		return field.ErrorList{field.Invalid(p, w, "must be in the range 1-100")}
	}
	return nil
}

func nodeAffinity(p *field.Path, n *corev1.NodeAffinity) (errs field.ErrorList) {
	if s := n.RequiredDuringSchedulingIgnoredDuringExecution; s != nil {
		errs = append(errs, nodeSelector(p.Child(requiredTerms), s)...)
	}
	for i, t := range n.PreferredDuringSchedulingIgnoredDuringExecution {
		at := p.Child(preferredTerms).Index(i)
		errs = append(errs, weight(at.Child("weight"), t.Weight)...)
		errs = append(errs, nodeSelectorTerm(at.Child("preference"), &t.Preference)...)
	}
	return errs
}

func nodeSelector(p *field.Path, s *corev1.NodeSelector) (errs field.ErrorList) {
	terms := p.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(terms, "must have at least one node selector term")}
	}
	for i := range s.NodeSelectorTerms {
		errs = append(errs, nodeSelectorTerm(terms.Index(i), &s.NodeSelectorTerms[i])...)
	}
	return errs
}

func nodeSelectorTerm(p *field.Path, t *corev1.NodeSelectorTerm) (errs field.ErrorList) {
	for i, r := range t.MatchExpressions {
		errs = append(errs, nodeSelectorRequirement(p.Child("matchExpressions").Index(i), r)...)
	}
	for i, r := range t.MatchFields {
		errs = append(errs, nodeFieldRequirement(p.Child("matchFields").Index(i), r)...)
	}
	return errs
}

func nodeSelectorRequirement(p *field.Path, r corev1.NodeSelectorRequirement) (errs field.ErrorList) {
	values := p.Child("values")
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	errs = append(errs, metav1validation.ValidateLabelName(r.Key, p.Child("key"))...)
	for i, v := range r.Values {
		errs = append(errs, invalids(values.Index(i), v, validation.IsValidLabelValue(v))...)
	}
	return errs
}

// nodeFieldRequirement selects nodes by field; the only field is the name.
func nodeFieldRequirement(p *field.Path, r corev1.NodeSelectorRequirement) (errs field.ErrorList) {
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(p.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	if r.Key != metav1.ObjectNameField {
		return append(errs, field.Invalid(p.Child("key"), r.Key, "not a valid field selector key"))
	}
	for i, v := range r.Values {
		errs = append(errs, invalids(p.Child("values").Index(i), v, subdomainName(v, false))...)
	}
	return errs
}

func podAffinity(p *field.Path, requiredList []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) (errs field.ErrorList) {
	for i := range requiredList {
		errs = append(errs, podAffinityTerm(p.Child(requiredTerms).Index(i), &requiredList[i])...)
	}
	for i := range preferred {
		at := p.Child(preferredTerms).Index(i)
		errs = append(errs, weight(at.Child("weight"), preferred[i].Weight)...)
		errs = append(errs, podAffinityTerm(at.Child("podAffinityTerm"), &preferred[i].PodAffinityTerm)...)
	}
	return errs
}

func podAffinityTerm(p *field.Path, t *corev1.PodAffinityTerm) field.ErrorList {
	errs := labelSelector(p.Child("labelSelector"), t.LabelSelector)
	errs = append(errs, labelSelector(p.Child("namespaceSelector"), t.NamespaceSelector)...)
	for _, name := range t.Namespaces {
		errs = append(errs, invalids(p.Child("namespace"), name, apivalidation.ValidateNamespaceName(name, false))...)
	}
	errs = append(errs, matchLabelKeys(p.Child("matchLabelKeys"), t.MatchLabelKeys, t.LabelSelector)...)
	errs = append(errs, matchLabelKeys(p.Child("mismatchLabelKeys"), t.MismatchLabelKeys, t.LabelSelector)...)
	// The error of a term names the term, with the index of the key.
	errs = append(errs, selectedTwice(p, append(slices.Clone(t.MatchLabelKeys), t.MismatchLabelKeys...), t.LabelSelector)...)
	for i, key := range t.MatchLabelKeys {
		for _, other := range t.MismatchLabelKeys {
			if key == other {
				errs = append(errs, field.Invalid(p.Child("matchLabelKeys").Index(i), key, "exists in both matchLabelKeys and mismatchLabelKeys"))
			}
		}
	}
	if t.TopologyKey == "" {
		errs = append(errs, field.Required(p.Child("topologyKey"), "can not be empty"))
	}
	return append(errs, metav1validation.ValidateLabelName(t.TopologyKey, p.Child("topologyKey"))...)
}

// selectedTwice refuses keys that a selector names more than once: in a stored pod it names each of them once,
// because that is how they take effect (see the resolving of matchLabelKeys in registry/core).
func selectedTwice(p *field.Path, keys []string, s *metav1.LabelSelector) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	seen := sets.KeySet(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		if i := slices.Index(keys, e.Key); i >= 0 && seen.Has(e.Key) {
			errs = append(errs, field.Invalid(p.Index(i), e.Key, inBoth))
		}
		seen.Insert(e.Key)
	}
	return errs
}

// matchLabelKeys narrow a label selector down to pods that share the incoming pod's values.
func matchLabelKeys(p *field.Path, keys []string, s *metav1.LabelSelector) (errs field.ErrorList) {
	if len(keys) > 0 && s == nil {
		errs = append(errs, field.Forbidden(p, "must not be specified when labelSelector is not set"))
	}
	for i, key := range keys {
		errs = append(errs, metav1validation.ValidateLabelName(key, p.Index(i))...)
	}
	return errs
}
