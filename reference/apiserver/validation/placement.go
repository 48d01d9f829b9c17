package validation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func tolerations(p *field.Path, list []corev1.Toleration) (errs field.ErrorList) {
	for i, t := range list {
		at := p.Index(i)
		if t.Key != "" {
			errs = append(errs, metav1validation.ValidateLabelName(t.Key, at.Child("key"))...)
		} else if t.Operator != corev1.TolerationOpExists {
			errs = append(errs, field.Invalid(at.Child("operator"), t.Operator,
				"operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
		}
		if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
			errs = append(errs, field.Invalid(at.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
		}
		switch t.Operator {
		case corev1.TolerationOpEqual, "":
			if bad := validation.IsValidLabelValue(t.Value); len(bad) > 0 {
				errs = append(errs, field.Invalid(at.Child("operator"), t.Value, strings.Join(bad, ";")))
			}
		case corev1.TolerationOpExists:
			if t.Value != "" {
				errs = append(errs, field.Invalid(at.Child("operator"), t, "value must be empty when `operator` is 'Exists'"))
			}
		default:
			errs = append(errs, field.NotSupported(at.Child("operator"), t.Operator,
				[]corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists}))
		}
		if t.Effect != "" {
			errs = append(errs, taintEffect(at.Child("effect"), t.Effect)...)
		}
	}
	return errs
}

func taintEffect(p *field.Path, e corev1.TaintEffect) field.ErrorList {
	return oneOf(p, e, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
}

func topologySpread(p *field.Path, list []corev1.TopologySpreadConstraint, isPod bool) (errs field.ErrorList) {
	seen := sets.New[string]()
	for i := range list {
		c, at := &list[i], p.Index(i)
		if c.MaxSkew <= 0 {
			errs = append(errs, field.Invalid(at.Child("maxSkew"), c.MaxSkew, notPositive))
		}
		if c.TopologyKey == "" {
			errs = append(errs, field.Required(at.Child("topologyKey"), "can not be empty"))
		}
		errs = append(errs, supportedValue(at.Child("whenUnsatisfiable"), c.WhenUnsatisfiable, corev1.DoNotSchedule, corev1.ScheduleAnyway)...)
		kind := fmt.Sprintf("{%v, %v}", c.TopologyKey, c.WhenUnsatisfiable)
		if seen.Has(kind) {
			errs = append(errs, field.Duplicate(at.Child("{topologyKey, whenUnsatisfiable}"), kind))
		}
		seen.Insert(kind)
		errs = append(errs, minDomains(at.Child("minDomains"), c)...)
		errs = append(errs, oneOfPtr(at.Child("nodeAffinityPolicy"), c.NodeAffinityPolicy, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		errs = append(errs, oneOfPtr(at.Child("nodeTaintsPolicy"), c.NodeTaintsPolicy, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		errs = append(errs, matchLabelKeys(at.Child("matchLabelKeys"), c.MatchLabelKeys, c.LabelSelector)...)
		if isPod {
			errs = append(errs, selectedTwice(at.Child("matchLabelKeys"), c.MatchLabelKeys, c.LabelSelector)...)
		} else {
			errs = append(errs, selected(at.Child("matchLabelKeys"), c.MatchLabelKeys, c.LabelSelector)...)
		}
		errs = append(errs, labelSelector(at.Child("labelSelector"), c.LabelSelector)...)
	}
	return errs
}

// selected refuses keys that a selector names: in a template they have not taken effect yet.
func selected(p *field.Path, keys []string, s *metav1.LabelSelector) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	named := sets.KeySet(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		named.Insert(e.Key)
	}
	for i, key := range keys {
		if named.Has(key) {
			errs = append(errs, field.Invalid(p.Index(i), key, inBoth))
		}
	}
	return errs
}

const inBoth = "exists in both matchLabelKeys and labelSelector"

func minDomains(p *field.Path, c *corev1.TopologySpreadConstraint) (errs field.ErrorList) {
	if c.MinDomains == nil {
		return nil
	}
	if *c.MinDomains <= 0 {
		errs = append(errs, field.Invalid(p, *c.MinDomains, notPositive))
	}
	if c.WhenUnsatisfiable != corev1.DoNotSchedule {
		errs = append(errs, field.Invalid(p, *c.MinDomains, fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s",
			corev1.DoNotSchedule, c.WhenUnsatisfiable)))
	}
	return errs
}

func schedulingGates(p *field.Path, gates []corev1.PodSchedulingGate) (errs field.ErrorList) {
	seen := sets.New[string]()
	for i, g := range gates {
		errs = append(errs, qualifiedName(p.Index(i), g.Name)...)
		if seen.Has(g.Name) {
			errs = append(errs, field.Duplicate(p.Index(i), g.Name))
		}
		seen.Insert(g.Name)
	}
	return errs
}

func readinessGates(p *field.Path, gates []corev1.PodReadinessGate) (errs field.ErrorList) {
	for i, g := range gates {
		errs = append(errs, qualifiedName(p.Index(i).Child("conditionType"), string(g.ConditionType))...)
	}
	return errs
}
