package validation

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// StatefulSet checks a new StatefulSet.
func StatefulSet(st *appsv1.StatefulSet) field.ErrorList {
	s := &st.Spec
	errs := append(newMeta(&st.ObjectMeta, namespaced, labelName), statefulSetSpec(s, fullTemplate(s))...)
	for i := range s.VolumeClaimTemplates {
		errs = append(errs, claimSpec(specPath.Child("volumeClaimTemplates").Index(i).Child("spec"), &s.VolumeClaimTemplates[i].Spec)...)
	}
	if s.ServiceName != "" {
		errs = append(errs, dnsLabel(specPath.Child("serviceName"), s.ServiceName)...)
	}
	return errs
}

// templateCheck checks the template of a StatefulSet.
type templateCheck = func(*field.Path, *corev1.PodTemplateSpec) field.ErrorList

func statefulSetSpec(s *appsv1.StatefulSetSpec, template templateCheck) (errs field.ErrorList) {
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
		errs = append(errs, supportedValue(p.Child("whenDeleted"), r.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
		errs = append(errs, supportedValue(p.Child("whenScaled"), r.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
	}
	errs = append(errs, replicas(specPath.Child("replicas"), s.Replicas)...)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	if s.Ordinals != nil {
		errs = append(errs, nonNegative(specPath.Child("ordinals", "start"), s.Ordinals.Start)...)
	}
	// A negative revisionHistoryLimit keeps all revisions, of which there is a warning.
	errs = append(errs, workload{specPath, s.Selector, &s.Template, "statefulset", ""}.selected(template)...)
	return append(errs, runForEver(specPath.Child("template"), &s.Template.Spec, "StatefulSet")...)
}

// fullTemplate checks a template together with the volumes that the controller adds to each pod, one
// for each claim that it makes, in the place of one of the same name.
func fullTemplate(s *appsv1.StatefulSetSpec) templateCheck {
	return func(p *field.Path, t *corev1.PodTemplateSpec) field.ErrorList {
		whole := t.DeepCopy()
		for i := range s.VolumeClaimTemplates {
			name := s.VolumeClaimTemplates[i].Name
			whole.Spec.Volumes = slices.DeleteFunc(whole.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
			whole.Spec.Volumes = append(whole.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}})
		}
		return PodTemplateSpec(whole, p)
	}
}

// plainTemplate checks what has always been checked of a template.
func plainTemplate(p *field.Path, t *corev1.PodTemplateSpec) field.ErrorList {
	return append(labels(p.Child("labels"), t.Labels), apivalidation.ValidateAnnotations(t.Annotations, p.Child("annotations"))...)
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

// StatefulSetUpdate checks a replacement of a StatefulSet. Templates have not always been checked: that
// of a StatefulSet which would be refused today may stay as it is.
func StatefulSetUpdate(st, old *appsv1.StatefulSet) field.ErrorList {
	template := plainTemplate
	if len(statefulSetSpec(&old.Spec, fullTemplate(&old.Spec))) == 0 {
		template = fullTemplate(&st.Spec)
	}
	errs := append(updatedMeta(&st.ObjectMeta, &old.ObjectMeta), statefulSetSpec(&st.Spec, template)...)
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
	ready, current := count{"readyReplicas", s.ReadyReplicas}, count{"currentReplicas", s.CurrentReplicas}
	updated, available := count{"updatedReplicas", s.UpdatedReplicas}, count{"availableReplicas", s.AvailableReplicas}
	errs = append(errs, counts(count{"replicas", s.Replicas}, ready, current, updated, available)...)
	errs = append(errs, noMoreThan(s.Replicas, moreThanReplicas, ready, current, updated, available)...)
	errs = append(errs, noMoreThan(s.ReadyReplicas, "cannot be greater than status.readyReplicas", available)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("collisionCount"), s.CollisionCount)...)
	return append(errs, collisionsOnlyGrow(s.CollisionCount, old.Status.CollisionCount)...)
}
