package validation

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodDisruptionBudget checks a new PodDisruptionBudget.
func PodDisruptionBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	s := &b.Spec
	errs := newMeta(&b.ObjectMeta, namespaced, subdomainName)
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(specPath, *s, "minAvailable and maxUnavailable cannot be both set"))
	}
	if s.MinAvailable != nil {
		errs = append(errs, intOrPercent(specPath.Child("minAvailable"), s.MinAvailable)...)
		errs = append(errs, atMostAll(specPath.Child("minAvailable"), s.MinAvailable)...)
	}
	if s.MaxUnavailable != nil {
		errs = append(errs, intOrPercent(specPath.Child("maxUnavailable"), s.MaxUnavailable)...)
		errs = append(errs, atMostAll(specPath.Child("maxUnavailable"), s.MaxUnavailable)...)
	}
	errs = append(errs, labelSelector(specPath.Child("selector"), s.Selector)...)
	return append(errs, oneOfPtr(specPath.Child("unhealthyPodEvictionPolicy"), s.UnhealthyPodEvictionPolicy,
		policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
}

// PodDisruptionBudgetUpdate checks a replacement of a PodDisruptionBudget; everything may change.
func PodDisruptionBudgetUpdate(b, old *policyv1.PodDisruptionBudget) field.ErrorList {
	return append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), PodDisruptionBudget(b)...)
}

// PodDisruptionBudgetStatusUpdate checks a write to a PodDisruptionBudget's status.
func PodDisruptionBudgetStatusUpdate(b, old *policyv1.PodDisruptionBudget) field.ErrorList {
	errs := append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), metaConditions(b.Status.Conditions)...)
	return append(errs, counts(
		count{"disruptionsAllowed", b.Status.DisruptionsAllowed},
		count{"currentHealthy", b.Status.CurrentHealthy},
		count{"desiredHealthy", b.Status.DesiredHealthy},
		count{"expectedPods", b.Status.ExpectedPods},
	)...)
}
