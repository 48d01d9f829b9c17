package validation

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// StatefulSet checks a new StatefulSet.
func StatefulSet(st *appsv1.StatefulSet) field.ErrorList {
	s := &st.Spec
	errs := newMeta(&st.ObjectMeta, namespaced, labelName)
	switch s.PodManagementPolicy {
	case "":
		errs = append(errs, field.Required(specPath.Child("podManagementPolicy"), ""))
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(specPath.Child("podManagementPolicy"), s.PodManagementPolicy,
			fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	errs = append(errs, statefulSetStrategy(specPath.Child("updateStrategy"), &s.UpdateStrategy)...)
	if r := s.PersistentVolumeClaimRetentionPolicy; r != nil {
		p := specPath.Child("persistentVolumeClaimRetentionPolicy")
		errs = append(errs, supportedValue(p.Child("whenDeleted"), r.WhenDeleted, appsv1.DeletePersistentVolumeClaimRetentionPolicyType, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)...)
		errs = append(errs, supportedValue(p.Child("whenScaled"), r.WhenScaled, appsv1.DeletePersistentVolumeClaimRetentionPolicyType, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)...)
	}
	errs = append(errs, replicas(specPath.Child("replicas"), s.Replicas)...)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	if s.Ordinals != nil {
		errs = append(errs, nonNegative(specPath.Child("ordinals", "start"), s.Ordinals.Start)...)
	}
	errs = append(errs, nonNegativePtr(specPath.Child("revisionHistoryLimit"), s.RevisionHistoryLimit)...)
	errs = append(errs, workload{path: specPath, selector: s.Selector, template: &s.Template, emptyFor: "statefulset"}.selected()...)
	return append(errs, statefulSetTemplate(specPath.Child("template"), &s.Template)...)
}

// statefulSetTemplate checks no more of the pods' spec than upstream does: what is wrong with it is
// seen when the controller makes a pod, which mounts volumes that the template does not list.
func statefulSetTemplate(p *field.Path, t *corev1.PodTemplateSpec) field.ErrorList {
	errs := labels(p.Child("labels"), t.Labels)
	errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, p.Child("annotations"))...)
	return append(errs, runForEver(p, &t.Spec, "StatefulSet")...)
}

func statefulSetStrategy(p *field.Path, s *appsv1.StatefulSetUpdateStrategy) (errs field.ErrorList) {
	rolling := p.Child("rollingUpdate")
	switch s.Type {
	case "":
		errs = append(errs, field.Required(p, ""))
	case appsv1.OnDeleteStatefulSetStrategyType:
		if s.RollingUpdate != nil {
			errs = append(errs, field.Invalid(rolling, s.RollingUpdate,
				fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType)))
		}
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if r := s.RollingUpdate; r != nil {
			errs = append(errs, nonNegativePtr(rolling.Child("partition"), r.Partition)...)
			if r.MaxUnavailable != nil {
				at := rolling.Child("maxUnavailable")
				errs = append(errs, intOrPercent(at, r.MaxUnavailable)...)
				if isZero(r.MaxUnavailable) {
					errs = append(errs, field.Invalid(at, *r.MaxUnavailable, "cannot be 0"))
				}
				errs = append(errs, atMostAll(at, r.MaxUnavailable)...)
			}
		}
	default:
		errs = append(errs, field.Invalid(p, s, fmt.Sprintf("must be '%s' or '%s'",
			appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType)))
	}
	return errs
}

// StatefulSetUpdate checks a replacement of a StatefulSet.
func StatefulSetUpdate(st, old *appsv1.StatefulSet) field.ErrorList {
	errs := append(updatedMeta(&st.ObjectMeta, &old.ObjectMeta), StatefulSet(st)...)
	rest, was := st.Spec.DeepCopy(), &old.Spec
	rest.Replicas, rest.Ordinals, rest.Template = was.Replicas, was.Ordinals, was.Template
	rest.UpdateStrategy, rest.RevisionHistoryLimit = was.UpdateStrategy, was.RevisionHistoryLimit
	rest.PersistentVolumeClaimRetentionPolicy, rest.MinReadySeconds = was.PersistentVolumeClaimRetentionPolicy, was.MinReadySeconds
	if !equal(*rest, *was) {
		errs = append(errs, field.Forbidden(specPath, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "+
			"'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"))
	}
	return errs
}

// StatefulSetStatusUpdate checks a write to a StatefulSet's status.
func StatefulSetStatusUpdate(st, old *appsv1.StatefulSet) field.ErrorList {
	s := &st.Status
	errs := append(updatedMeta(&st.ObjectMeta, &old.ObjectMeta), nonNegative(statusPath.Child("observedGeneration"), s.ObservedGeneration)...)
	errs = append(errs, counts(
		count{"replicas", s.Replicas, -1, ""},
		count{"readyReplicas", s.ReadyReplicas, s.Replicas, moreThanReplicas},
		count{"currentReplicas", s.CurrentReplicas, s.Replicas, moreThanReplicas},
		count{"updatedReplicas", s.UpdatedReplicas, s.Replicas, moreThanReplicas},
		count{"availableReplicas", s.AvailableReplicas, min(s.Replicas, s.ReadyReplicas),
			tighter(s.AvailableReplicas, s.Replicas, moreThanReplicas, "cannot be greater than status.readyReplicas")},
	)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("collisionCount"), s.CollisionCount)...)
	return append(errs, collisionsOnlyGrow(s.CollisionCount, old.Status.CollisionCount)...)
}
