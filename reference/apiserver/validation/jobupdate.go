package validation

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// JobUpdate checks a replacement of a Job. While a Job is suspended and has no pods, where they may run
// and what they need can still be changed.
func JobUpdate(j, old *batchv1.Job) field.ErrorList {
	errs := append(updatedMeta(&j.ObjectMeta, &old.ObjectMeta), selectingJobSpec(&j.Spec)...)
	s, was := &j.Spec, &old.Spec
	errs = append(errs, completionsUpdate(specPath.Child("completions"), s, was)...)
	errs = append(errs, unchanged(specPath.Child("selector"), s.Selector, was.Selector)...)
	template := s.Template.DeepCopy()
	if isTrue(was.Suspend) && (old.Status.StartTime == nil || jobIs(old, batchv1.JobSuspended) && old.Status.Active == 0) {
		keepPlacement(template, &was.Template)
		keepResources(template.Spec.Containers, was.Template.Spec.Containers)
		keepResources(template.Spec.InitContainers, was.Template.Spec.InitContainers)
	}
	errs = append(errs, unchanged(specPath.Child("template"), *template, was.Template)...)
	errs = append(errs, unchanged(specPath.Child("completionMode"), s.CompletionMode, was.CompletionMode)...)
	errs = append(errs, unchanged(specPath.Child("podFailurePolicy"), s.PodFailurePolicy, was.PodFailurePolicy)...)
	errs = append(errs, unchanged(specPath.Child("backoffLimitPerIndex"), s.BackoffLimitPerIndex, was.BackoffLimitPerIndex)...)
	errs = append(errs, unchanged(specPath.Child("managedBy"), s.ManagedBy, was.ManagedBy)...)
	return append(errs, unchanged(specPath.Child("successPolicy"), s.SuccessPolicy, was.SuccessPolicy)...)
}

// completionsUpdate: an indexed Job is resized by changing completions together with parallelism.
func completionsUpdate(p *field.Path, s, old *batchv1.JobSpec) field.ErrorList {
	switch {
	case !jobIndexed(s):
		return unchanged(p, s.Completions, old.Completions)
	case s.Completions == nil, equal(s.Completions, old.Completions):
		return nil // which an indexed Job needs, as has been said
	case s.Parallelism == nil || *s.Completions != *s.Parallelism:
		return field.ErrorList{field.Invalid(p, *s.Completions, "can only be modified in tandem with spec.parallelism")}
	}
	return nil
}

// keepResources puts back what containers ask for, where they are otherwise the same ones.
func keepResources(containers, old []corev1.Container) {
	for i := range containers {
		if i < len(old) && containers[i].Name == old[i].Name {
			containers[i].Resources = old[i].Resources
		}
	}
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
