package validation

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// JobUpdate checks a replacement of a Job. While a Job is suspended and has not started, where its
// pods may run can still be changed.
func JobUpdate(j, old *batchv1.Job) field.ErrorList {
	errs := append(updatedMeta(&j.ObjectMeta, &old.ObjectMeta), Job(j)...)
	s, was := &j.Spec, &old.Spec
	if !elasticUpdate(s, was) {
		errs = append(errs, unchanged(specPath.Child("completions"), s.Completions, was.Completions)...)
	}
	errs = append(errs, unchanged(specPath.Child("selector"), s.Selector, was.Selector)...)
	template := s.Template.DeepCopy()
	if isTrue(was.Suspend) && old.Status.StartTime == nil {
		keepPlacement(template, &was.Template)
	}
	errs = append(errs, unchanged(specPath.Child("template"), *template, was.Template)...)
	errs = append(errs, unchanged(specPath.Child("completionMode"), s.CompletionMode, was.CompletionMode)...)
	errs = append(errs, unchanged(specPath.Child("podFailurePolicy"), s.PodFailurePolicy, was.PodFailurePolicy)...)
	errs = append(errs, unchanged(specPath.Child("backoffLimitPerIndex"), s.BackoffLimitPerIndex, was.BackoffLimitPerIndex)...)
	errs = append(errs, unchanged(specPath.Child("managedBy"), s.ManagedBy, was.ManagedBy)...)
	return append(errs, unchanged(specPath.Child("successPolicy"), s.SuccessPolicy, was.SuccessPolicy)...)
}

// elasticUpdate: an indexed Job is resized by changing completions together with parallelism.
func elasticUpdate(s, old *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion &&
		s.Completions != nil && s.Parallelism != nil && old.Completions != nil && old.Parallelism != nil &&
		*s.Completions == *s.Parallelism && *old.Completions == *old.Parallelism
}

// keepPlacement puts back what may change of a suspended Job's template (KEP-2926).
func keepPlacement(t, old *corev1.PodTemplateSpec) {
	t.Annotations, t.Labels = old.Annotations, old.Labels
	t.Spec.NodeSelector, t.Spec.Tolerations, t.Spec.SchedulingGates = old.Spec.NodeSelector, old.Spec.Tolerations, old.Spec.SchedulingGates
	if old.Spec.Affinity == nil {
		if t.Spec.Affinity != nil {
			t.Spec.Affinity.NodeAffinity = nil
			if *t.Spec.Affinity == (corev1.Affinity{}) {
				t.Spec.Affinity = nil
			}
		}
		return
	}
	if t.Spec.Affinity == nil && old.Spec.Affinity.NodeAffinity != nil {
		t.Spec.Affinity = &corev1.Affinity{}
	}
	if t.Spec.Affinity != nil {
		t.Spec.Affinity.NodeAffinity = old.Spec.Affinity.NodeAffinity
	}
}

// JobStatusUpdate checks a write to a Job's status.
func JobStatusUpdate(j, old *batchv1.Job) field.ErrorList {
	s := &j.Status
	errs := append(updatedMeta(&j.ObjectMeta, &old.ObjectMeta), counts(
		count{"active", s.Active},
		count{"succeeded", s.Succeeded},
		count{"failed", s.Failed},
	)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("ready"), s.Ready)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("terminating"), s.Terminating)...)
	if jobIs(j, batchv1.JobComplete) && jobIs(j, batchv1.JobFailed) {
		errs = append(errs, field.Invalid(statusPath.Child("conditions"), s.Conditions, "cannot set Complete=True and Failed=true conditions"))
	}
	for _, c := range []batchv1.JobConditionType{batchv1.JobComplete, batchv1.JobFailed} {
		if jobIs(old, c) && !jobIs(j, c) {
			errs = append(errs, field.Invalid(statusPath.Child("conditions"), s.Conditions, "cannot disable the terminal "+string(c)+"=True condition"))
		}
	}
	if s.CompletionTime != nil && !jobIs(j, batchv1.JobComplete) {
		errs = append(errs, field.Invalid(statusPath.Child("completionTime"), s.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
	}
	return errs
}

func jobIs(j *batchv1.Job, t batchv1.JobConditionType) bool {
	for _, c := range j.Status.Conditions {
		if c.Type == t && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
