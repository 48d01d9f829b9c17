package validation

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Deployment checks a new Deployment.
func Deployment(d *appsv1.Deployment) field.ErrorList {
	s := &d.Spec
	errs := newMeta(&d.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, replicas(specPath.Child("replicas"), s.Replicas)...)
	w := workload{specPath, s.Selector, &s.Template, "deployment", unreadableSelector}
	errs = append(errs, w.selected(replicated(s.Replicas))...)
	errs = append(errs, deploymentStrategy(specPath.Child("strategy"), &s.Strategy)...)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	errs = append(errs, nonNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit)...)
	errs = append(errs, nonNegativePtr(specPath.Child("progressDeadlineSeconds"), s.ProgressDeadlineSeconds)...)
	if deadline := s.ProgressDeadlineSeconds; deadline != nil && *deadline <= s.MinReadySeconds {
		errs = append(errs, field.Invalid(specPath.Child("progressDeadlineSeconds"), *deadline, "must be greater than minReadySeconds"))
	}
	return errs
}

func deploymentStrategy(p *field.Path, s *appsv1.DeploymentStrategy) (errs field.ErrorList) {
	rolling := p.Child("rollingUpdate")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			errs = append(errs, field.Forbidden(rolling, "may not be specified when strategy `type` is 'Recreate'"))
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		r := s.RollingUpdate
		if r == nil {
			return field.ErrorList{field.Required(rolling, "this should be defaulted and never be nil")}
		}
		errs = append(errs, intOrPercent(rolling.Child("maxUnavailable"), r.MaxUnavailable)...)
		errs = append(errs, intOrPercent(rolling.Child("maxSurge"), r.MaxSurge)...)
		if isZero(r.MaxUnavailable) && isZero(r.MaxSurge) {
			errs = append(errs, field.Invalid(rolling.Child("maxUnavailable"), r.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
		errs = append(errs, atMostAll(rolling.Child("maxUnavailable"), r.MaxUnavailable)...)
	default:
		errs = append(errs, field.NotSupported(p, s, []appsv1.DeploymentStrategyType{
			appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType}))
	}
	return errs
}

// DeploymentUpdate checks a replacement of a Deployment.
func DeploymentUpdate(d, old *appsv1.Deployment) field.ErrorList {
	errs := append(updatedMeta(&d.ObjectMeta, &old.ObjectMeta), Deployment(d)...)
	return append(errs, unchanged(specPath.Child("selector"), d.Spec.Selector, old.Spec.Selector)...)
}

// DeploymentStatusUpdate checks a write to a Deployment's status.
func DeploymentStatusUpdate(d, old *appsv1.Deployment) field.ErrorList {
	s := &d.Status
	errs := append(updatedMeta(&d.ObjectMeta, &old.ObjectMeta), nonNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration)...)
	updated, ready := count{"updatedReplicas", s.UpdatedReplicas}, count{"readyReplicas", s.ReadyReplicas}
	available := count{"availableReplicas", s.AvailableReplicas}
	errs = append(errs, counts(count{"replicas", s.Replicas}, updated, ready, available, count{"unavailableReplicas", s.UnavailableReplicas})...)
	errs = append(errs, nonNegativePtr(statusPath.Child("terminatingReplicas"), s.TerminatingReplicas)...)
	errs = append(errs, noMoreThan(s.Replicas, moreThanReplicas, updated, ready, available)...)
	errs = append(errs, noMoreThan(s.ReadyReplicas, moreThanReady, available)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("collisionCount"), s.CollisionCount)...)
	return append(errs, collisionsOnlyGrow(s.CollisionCount, old.Status.CollisionCount)...)
}

// collisionsOnlyGrow: the count makes names unique, so going back would repeat one.
func collisionsOnlyGrow(count, old *int32) field.ErrorList {
	if old == nil || count != nil && *count >= *old {
		return nil
	}
	n := int32(0)
	if count != nil {
		n = *count
	}
	return field.ErrorList{field.Invalid(statusPath.Child("collisionCount"), n, "cannot be decremented")}
}
