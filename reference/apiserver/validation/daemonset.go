package validation

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// DaemonSet checks a new DaemonSet.
func DaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	s := &d.Spec
	errs := newMeta(&d.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, labelSelector(specPath.Child("selector"), s.Selector)...)
	template := specPath.Child("template")
	// An absent selector selects nothing, and no more is said of it; nor of one that cannot be read.
	if selector, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil {
		errs = append(errs, templateMatches(template, &s.Template, selector)...)
	}
	if s.Selector != nil && len(s.Selector.MatchLabels)+len(s.Selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(specPath.Child("selector"), s.Selector, "empty selector is invalid for daemonset"))
	}
	errs = append(errs, keptRunning("DaemonSet")(template, &s.Template)...)
	errs = append(errs, readOnlyDisks(template.Child("spec", "volumes"), s.Template.Spec.Volumes)...)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	errs = append(errs, daemonSetStrategy(specPath.Child("updateStrategy"), &s.UpdateStrategy)...)
	return append(errs, nonNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit)...)
}

func daemonSetStrategy(p *field.Path, s *appsv1.DaemonSetUpdateStrategy) (errs field.ErrorList) {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
	case appsv1.RollingUpdateDaemonSetStrategyType:
		rolling, r := p.Child("rollingUpdate"), s.RollingUpdate
		if r == nil {
			return field.ErrorList{field.Required(rolling, "")}
		}
		errs = append(errs, intOrPercent(rolling.Child("maxUnavailable"), r.MaxUnavailable)...)
		errs = append(errs, atMostAll(rolling.Child("maxUnavailable"), r.MaxUnavailable)...)
		errs = append(errs, intOrPercent(rolling.Child("maxSurge"), r.MaxSurge)...)
		errs = append(errs, atMostAll(rolling.Child("maxSurge"), r.MaxSurge)...)
		switch {
		case !isZero(r.MaxUnavailable) && !isZero(r.MaxSurge):
			errs = append(errs, field.Invalid(rolling.Child("maxSurge"), r.MaxSurge, "may not be set when maxUnavailable is non-zero"))
		case isZero(r.MaxUnavailable) && isZero(r.MaxSurge):
			errs = append(errs, field.Required(rolling.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
		}
	default:
		errs = append(errs, field.NotSupported(p, s, []appsv1.DaemonSetUpdateStrategyType{
			appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType}))
	}
	return errs
}

// DaemonSetUpdate checks a replacement of a DaemonSet.
func DaemonSetUpdate(d, old *appsv1.DaemonSet) field.ErrorList {
	errs := append(updatedMeta(&d.ObjectMeta, &old.ObjectMeta), DaemonSet(d)...)
	return append(errs, unchanged(specPath.Child("selector"), d.Spec.Selector, old.Spec.Selector)...)
}

// DaemonSetStatusUpdate checks a write to a DaemonSet's status.
func DaemonSetStatusUpdate(d, old *appsv1.DaemonSet) field.ErrorList {
	s := &d.Status
	errs := append(updatedMeta(&d.ObjectMeta, &old.ObjectMeta), nonNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration)...)
	errs = append(errs, counts(
		count{"currentNumberScheduled", s.CurrentNumberScheduled},
		count{"numberMisscheduled", s.NumberMisscheduled},
		count{"desiredNumberScheduled", s.DesiredNumberScheduled},
		count{"numberReady", s.NumberReady},
		count{"updatedNumberScheduled", s.UpdatedNumberScheduled},
		count{"numberAvailable", s.NumberAvailable},
		count{"numberUnavailable", s.NumberUnavailable},
	)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("collisionCount"), s.CollisionCount)...)
	return append(errs, collisionsOnlyGrow(s.CollisionCount, old.Status.CollisionCount)...)
}
