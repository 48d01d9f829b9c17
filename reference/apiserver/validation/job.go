package validation

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxIndexedParallelism = 100_000

// Job checks a new Job, whose selector has been generated unless manualSelector is set.
func Job(j *batchv1.Job) field.ErrorList {
	errs := newMeta(&j.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, jobSpec(specPath, &j.Spec)...)
	if j.Spec.Selector == nil {
		return append(errs, field.Required(specPath.Child("selector"), ""))
	}
	errs = append(errs, labelSelector(specPath.Child("selector"), j.Spec.Selector)...)
	selector, err := metav1.LabelSelectorAsSelector(j.Spec.Selector)
	if err != nil {
		return errs // said already
	}
	return append(errs, templateMatches(specPath.Child("template"), &j.Spec.Template, selector)...)
}

// jobSpec checks what the specs of Jobs and of the templates of CronJobs have in common.
func jobSpec(p *field.Path, s *batchv1.JobSpec) field.ErrorList {
	errs := nonNegativePtr(p.Child("parallelism"), s.Parallelism)
	errs = append(errs, nonNegativePtr(p.Child("completions"), s.Completions)...)
	errs = append(errs, nonNegativePtr(p.Child("activeDeadlineSeconds"), s.ActiveDeadlineSeconds)...)
	errs = append(errs, nonNegativePtr(p.Child("backoffLimit"), s.BackoffLimit)...)
	errs = append(errs, nonNegativePtr(p.Child("ttlSecondsAfterFinished"), s.TTLSecondsAfterFinished)...)
	errs = append(errs, nonNegativePtr(p.Child("backoffLimitPerIndex"), s.BackoffLimitPerIndex)...)
	errs = append(errs, nonNegativePtr(p.Child("maxFailedIndexes"), s.MaxFailedIndexes)...)
	errs = append(errs, completionMode(p, s)...)
	errs = append(errs, oneOfPtr(p.Child("podReplacementPolicy"), s.PodReplacementPolicy, batchv1.Failed, batchv1.TerminatingOrFailed)...)
	if s.ManagedBy != nil {
		errs = append(errs, managedBy(p.Child("managedBy"), *s.ManagedBy)...)
	}
	template := p.Child("template")
	errs = append(errs, PodTemplateSpec(&s.Template, template)...)
	restart := template.Child("spec", "restartPolicy")
	switch policy := s.Template.Spec.RestartPolicy; {
	case policy == "" || policy == corev1.RestartPolicyAlways:
		errs = append(errs, field.Required(restart, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)))
	case policy != corev1.RestartPolicyOnFailure && policy != corev1.RestartPolicyNever:
		errs = append(errs, field.NotSupported(restart, policy, []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}))
	case s.PodFailurePolicy != nil && policy != corev1.RestartPolicyNever:
		errs = append(errs, field.Invalid(restart, policy, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever)))
	}
	return append(errs, podFailurePolicy(p.Child("podFailurePolicy"), s)...)
}

func completionMode(p *field.Path, s *batchv1.JobSpec) (errs field.ErrorList) {
	indexed := s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
	errs = append(errs, oneOfPtr(p.Child("completionMode"), s.CompletionMode, batchv1.IndexedCompletion, batchv1.NonIndexedCompletion)...)
	if indexed {
		if s.Completions == nil {
			errs = append(errs, field.Required(p.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
		}
		if s.Parallelism != nil && *s.Parallelism > maxIndexedParallelism {
			errs = append(errs, field.Invalid(p.Child("parallelism"), *s.Parallelism,
				fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexedParallelism, batchv1.IndexedCompletion)))
		}
	} else if s.BackoffLimitPerIndex != nil {
		errs = append(errs, field.Invalid(p.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(p.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if s.SuccessPolicy != nil {
		errs = append(errs, successPolicy(p.Child("successPolicy"), s.SuccessPolicy, indexed)...)
	}
	return errs
}

const maxPolicyRules = 20

func successPolicy(p *field.Path, s *batchv1.SuccessPolicy, indexed bool) (errs field.ErrorList) {
	if !indexed {
		errs = append(errs, field.Invalid(p, s, "requires indexed completion mode"))
	}
	switch n := len(s.Rules); {
	case n == 0:
		errs = append(errs, field.Required(p.Child("rules"), "at least one rules must be specified when the successPolicy is specified"))
	case n > maxPolicyRules:
		errs = append(errs, field.TooMany(p.Child("rules"), n, maxPolicyRules))
	}
	for i, r := range s.Rules {
		at := p.Child("rules").Index(i)
		if r.SucceededIndexes == nil && r.SucceededCount == nil {
			errs = append(errs, field.Required(at, "at least one of succeededCount or succeededIndexes must be specified"))
		}
		errs = append(errs, nonNegativePtr(at.Child("succeededCount"), r.SucceededCount)...)
	}
	return errs
}

func managedBy(p *field.Path, name string) field.ErrorList {
	errs := domainPrefixed(p, name)
	if len(name) > 63 {
		errs = append(errs, field.TooLong(p, name, 63))
	}
	return errs
}

func podFailurePolicy(p *field.Path, s *batchv1.JobSpec) (errs field.ErrorList) {
	if s.PodFailurePolicy == nil {
		return nil
	}
	rules := p.Child("rules")
	if n := len(s.PodFailurePolicy.Rules); n > maxPolicyRules {
		errs = append(errs, field.TooMany(rules, n, maxPolicyRules))
	}
	names := map[string]bool{}
	for _, list := range [][]corev1.Container{s.Template.Spec.Containers, s.Template.Spec.InitContainers} {
		for i := range list {
			names[list[i].Name] = true
		}
	}
	for i, r := range s.PodFailurePolicy.Rules {
		at := rules.Index(i)
		errs = append(errs, oneOf(at.Child("action"), r.Action, batchv1.PodFailurePolicyActionCount,
			batchv1.PodFailurePolicyActionFailIndex, batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)...)
		if r.Action == batchv1.PodFailurePolicyActionFailIndex && s.BackoffLimitPerIndex == nil {
			errs = append(errs, field.Invalid(at.Child("action"), r.Action, "requires the backoffLimitPerIndex to be set"))
		}
		switch {
		case r.OnExitCodes != nil && len(r.OnPodConditions) > 0:
			errs = append(errs, field.Invalid(at, r, "specifying both OnExitCodes and OnPodConditions is not supported"))
		case r.OnExitCodes == nil && len(r.OnPodConditions) == 0:
			errs = append(errs, field.Invalid(at, r, "specifying one of OnExitCodes and OnPodConditions is required"))
		}
		if r.OnExitCodes != nil {
			errs = append(errs, onExitCodes(at.Child("onExitCodes"), r.OnExitCodes, names)...)
		}
		for j, c := range r.OnPodConditions {
			p := at.Child("onPodConditions").Index(j)
			errs = append(errs, qualifiedName(p.Child("type"), string(c.Type))...)
			errs = append(errs, oneOf(p.Child("status"), c.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
		}
	}
	return errs
}

func onExitCodes(p *field.Path, r *batchv1.PodFailurePolicyOnExitCodesRequirement, containers map[string]bool) (errs field.ErrorList) {
	errs = append(errs, oneOf(p.Child("operator"), r.Operator, batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)...)
	if r.ContainerName != nil && !containers[*r.ContainerName] {
		errs = append(errs, field.Invalid(p.Child("containerName"), *r.ContainerName, "must be one of the container or initContainer names in the pod template"))
	}
	values := p.Child("values")
	switch n := len(r.Values); {
	case n == 0:
		errs = append(errs, field.Invalid(values, r.Values, "at least one value is required"))
	case n > 255:
		errs = append(errs, field.TooMany(values, n, 255))
	}
	seen := map[int32]bool{}
	for i, v := range r.Values {
		if v == 0 && r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn {
			errs = append(errs, field.Invalid(values.Index(i), v, "must not be 0 for the In operator"))
		}
		if seen[v] {
			errs = append(errs, field.Duplicate(values.Index(i), v))
		}
		if i > 0 && r.Values[i-1] > v {
			errs = append(errs, field.Invalid(values, r.Values, "must be ordered"))
		}
		seen[v] = true
	}
	return errs
}
