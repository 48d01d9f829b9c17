package validation

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxPolicyRules = 20

const maxSucceededIndexes = 64 * 1024 // bytes

func successPolicy(p *field.Path, job *batchv1.JobSpec) (errs field.ErrorList) {
	s := job.SuccessPolicy
	if !jobIndexed(job) {
		return field.ErrorList{field.Invalid(p, s, "requires indexed completion mode")}
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
		errs = append(errs, successRule(at, &r, job.Completions)...)
	}
	return errs
}

func successRule(p *field.Path, r *batchv1.SuccessPolicyRule, completions *int32) (errs field.ErrorList) {
	if completions == nil {
		return nil // which is the fault, and has been said
	}
	listed := *completions
	if r.SucceededIndexes != nil {
		at := p.Child("succeededIndexes")
		if len(*r.SucceededIndexes) > maxSucceededIndexes {
			errs = append(errs, field.TooLong(at, *r.SucceededIndexes, maxSucceededIndexes))
		}
		var err error
		if listed, err = countIndexes(*r.SucceededIndexes, *completions); err != nil {
			errs = append(errs, field.Invalid(at, *r.SucceededIndexes, "error parsing succeededIndexes: "+err.Error()))
		}
	}
	if r.SucceededCount == nil {
		return errs
	}
	at, n := p.Child("succeededCount"), *r.SucceededCount
	errs = append(errs, nonNegative(at, n)...)
	if n > *completions {
		errs = append(errs, field.Invalid(at, n, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", *completions)))
	}
	if r.SucceededIndexes != nil && n > listed {
		errs = append(errs, field.Invalid(at, n, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", listed)))
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
		errs = append(errs, oneOfListed(at.Child("action"), r.Action, batchv1.PodFailurePolicyActionCount,
			batchv1.PodFailurePolicyActionFailIndex, batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)...)
		if r.Action == batchv1.PodFailurePolicyActionFailIndex && s.BackoffLimitPerIndex == nil {
			errs = append(errs, field.Invalid(at.Child("action"), r.Action, "requires the backoffLimitPerIndex to be set"))
		}
		switch {
		case r.OnExitCodes != nil && len(r.OnPodConditions) > 0:
			errs = append(errs, field.Invalid(at, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
		case r.OnExitCodes == nil && len(r.OnPodConditions) == 0:
			errs = append(errs, field.Invalid(at, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
		}
		if r.OnExitCodes != nil {
			errs = append(errs, onExitCodes(at.Child("onExitCodes"), r.OnExitCodes, names)...)
		}
		if n := len(r.OnPodConditions); n > maxPolicyRules {
			errs = append(errs, field.TooMany(at.Child("onPodConditions"), n, maxPolicyRules))
		}
		for j, c := range r.OnPodConditions {
			p := at.Child("onPodConditions").Index(j)
			errs = append(errs, qualifiedName(p.Child("type"), string(c.Type))...)
			errs = append(errs, oneOfListed(p.Child("status"), c.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
		}
	}
	return errs
}

func onExitCodes(p *field.Path, r *batchv1.PodFailurePolicyOnExitCodesRequirement, containers map[string]bool) (errs field.ErrorList) {
	errs = append(errs, oneOfListed(p.Child("operator"), r.Operator, batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)...)
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
	if !slices.IsSorted(r.Values) {
		errs = append(errs, field.Invalid(values, r.Values, "must be ordered"))
	}
	for i, v := range r.Values {
		if v == 0 && r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn {
			errs = append(errs, field.Invalid(values.Index(i), v, "must not be 0 for the In operator"))
		}
		if seen[v] {
			errs = append(errs, field.Duplicate(values.Index(i), v))
		}
		seen[v] = true
	}
	return errs
}

// oneOfListed is oneOf that tells what could have been said where nothing was.
func oneOfListed[T ~string](p *field.Path, value T, supported ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(p, fmt.Sprintf("valid values: %q", supported))}
	}
	return supportedValue(p, value, supported...)
}
