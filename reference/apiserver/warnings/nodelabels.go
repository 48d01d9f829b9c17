package warnings

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// deprecatedNodeLabels are labels of nodes that have a successor
// (https://kubernetes.io/docs/reference/labels-annotations-taints/).
var deprecatedNodeLabels = map[string]string{
	"beta.kubernetes.io/arch":           `deprecated since v1.14; use "kubernetes.io/arch" instead`,
	"beta.kubernetes.io/os":             `deprecated since v1.14; use "kubernetes.io/os" instead`,
	corev1.LabelFailureDomainBetaRegion: `deprecated since v1.17; use "topology.kubernetes.io/region" instead`,
	corev1.LabelFailureDomainBetaZone:   `deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
	corev1.LabelInstanceType:            `deprecated since v1.17; use "node.kubernetes.io/instance-type" instead`,
}

// nodeLabelKey warns of a deprecated label that is named as a value, at p.
func nodeLabelKey(p *field.Path, key string) []string {
	if why, ok := deprecatedNodeLabels[key]; ok {
		return []string{fmt.Sprintf("%s: %s is %s", p, key, why)}
	}
	return nil
}

// nodeSelectorTerm warns of deprecated labels, and of values that no label can have.
func nodeSelectorTerm(p *field.Path, t *corev1.NodeSelectorTerm, checkValues bool) (out []string) {
	for i, r := range t.MatchExpressions {
		at := p.Child("matchExpressions").Index(i)
		out = append(out, nodeLabelKey(at.Child("key"), r.Key)...)
		if !checkValues {
			continue
		}
		for j, value := range r.Values {
			if bad := validation.IsValidLabelValue(value); len(bad) > 0 {
				out = append(out, fmt.Sprintf("%s: %s is invalid, %s", at.Child("values").Index(j), value, strings.Join(bad, "; ")))
			}
		}
	}
	return out
}

func nodeSelector(p *field.Path, s *corev1.NodeSelector, checkValues bool) (out []string) {
	if s == nil {
		return nil
	}
	for i := range s.NodeSelectorTerms {
		out = append(out, nodeSelectorTerm(p.Child("nodeSelectorTerms").Index(i), &s.NodeSelectorTerms[i], checkValues)...)
	}
	return out
}
