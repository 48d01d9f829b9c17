package validation

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxIndexedParallelism = 100_000

// Job checks a new Job, whose selector has been generated unless manualSelector is set.
func Job(j *batchv1.Job) field.ErrorList {
	errs := newMeta(&j.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, generatedSelector(j)...)
	errs = append(errs, selectingJobSpec(&j.Spec)...)
	if c := j.Spec.Completions; jobIndexed(&j.Spec) && c != nil && *c > 0 {
		// The last pod's hostname is the longest.
		if hostname := fmt.Sprintf("%s-%d", j.Name, *c-1); len(validation.IsDNS1123Label(hostname)) > 0 {
			errs = append(errs, field.Invalid(metadataPath.Child("name"), j.Name, "will not able to create pod with invalid DNS label: "+hostname))
		}
	}
	return errs
}

func selectingJobSpec(s *batchv1.JobSpec) field.ErrorList {
	errs := jobSpec(specPath, s)
	if s.Selector == nil {
		return append(errs, field.Required(specPath.Child("selector"), ""))
	}
	errs = append(errs, labelSelector(specPath.Child("selector"), s.Selector)...)
	selector, err := metav1.LabelSelectorAsSelector(s.Selector)
	if err != nil {
		return errs // said already
	}
	return append(errs, templateMatches(specPath.Child("template"), &s.Template, selector)...)
}

// Labels of a Job's pods from before labels had prefixes.
const (
	oldControllerUIDLabel = "controller-uid"
	oldJobNameLabel       = "job-name"
)

// generatedSelector: a Job whose selector is generated selects its own pods, whatever labels the user chose.
func generatedSelector(j *batchv1.Job) (errs field.ErrorList) {
	if isTrue(j.Spec.ManualSelector) || j.Spec.Selector == nil {
		return nil
	}
	if j.UID == "" {
		errs = append(errs, field.Required(metadataPath.Child("uid"), ""))
	}
	uid, name := string(j.UID), j.Name
	generated := map[string]string{
		batchv1.ControllerUidLabel: uid, oldControllerUIDLabel: uid, batchv1.JobNameLabel: name, oldJobNameLabel: name,
	}
	has := j.Spec.Template.Labels
	for _, key := range []string{oldControllerUIDLabel, oldJobNameLabel, batchv1.ControllerUidLabel, batchv1.JobNameLabel} {
		p, must := specPath.Child("template", "metadata", "labels").Key(key), fmt.Sprintf("must be '%s'", generated[key])
		if _, ok := has[key]; !ok {
			errs = append(errs, field.Required(p, must))
		}
		if has[key] != generated[key] {
			errs = append(errs, field.Invalid(p, has, must))
		}
	}
	selector, err := metav1.LabelSelectorAsSelector(j.Spec.Selector)
	if err == nil && !selector.Matches(k8slabels.Set(generated)) {
		errs = append(errs, field.Invalid(specPath.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func jobIndexed(s *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
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
	replacements := []batchv1.PodReplacementPolicy{batchv1.Failed, batchv1.TerminatingOrFailed}
	if s.PodFailurePolicy != nil { // which cannot judge a pod before it has ended
		replacements = replacements[:1]
	}
	errs = append(errs, oneOfPtr(p.Child("podReplacementPolicy"), s.PodReplacementPolicy, replacements...)...)
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
	errs = append(errs, oneOfPtr(p.Child("completionMode"), s.CompletionMode, batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)...)
	if jobIndexed(s) {
		if s.Completions == nil {
			errs = append(errs, field.Required(p.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
		}
		if s.Parallelism != nil && *s.Parallelism > maxIndexedParallelism {
			errs = append(errs, field.Invalid(p.Child("parallelism"), *s.Parallelism,
				fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexedParallelism, batchv1.IndexedCompletion)))
		}
		errs = append(errs, failedIndexesLimit(p, s)...)
	} else if s.BackoffLimitPerIndex != nil {
		errs = append(errs, field.Invalid(p.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(p.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if s.SuccessPolicy != nil {
		errs = append(errs, successPolicy(p.Child("successPolicy"), s)...)
	}
	return errs
}

// Beyond manyCompletions, a Job that counts failures by index is bounded further: its status would grow too large.
const (
	maxFailedIndexes   = 100_000
	manyCompletions    = 100_000
	maxWithManyIndexes = 10_000
)

func failedIndexesLimit(p *field.Path, s *batchv1.JobSpec) (errs field.ErrorList) {
	most := p.Child("maxFailedIndexes")
	if n := s.MaxFailedIndexes; n != nil {
		if s.Completions != nil && *n > *s.Completions {
			errs = append(errs, field.Invalid(most, *n, "must be less than or equal to completions"))
		}
		if *n > maxFailedIndexes {
			errs = append(errs, field.Invalid(most, *n, fmt.Sprintf("must be less than or equal to %d", maxFailedIndexes)))
		}
	}
	if s.Completions == nil || *s.Completions <= manyCompletions || s.BackoffLimitPerIndex == nil {
		return errs
	}
	tooMany := fmt.Sprintf("must be less than or equal to %d when completions are above %d and used with backoff limit per index", maxWithManyIndexes, manyCompletions)
	if s.MaxFailedIndexes == nil {
		errs = append(errs, field.Required(most, fmt.Sprintf("must be specified when completions is above %d", manyCompletions)))
	} else if *s.MaxFailedIndexes > maxWithManyIndexes {
		errs = append(errs, field.Invalid(most, *s.MaxFailedIndexes, tooMany))
	}
	if s.Parallelism != nil && *s.Parallelism > maxWithManyIndexes {
		errs = append(errs, field.Invalid(p.Child("parallelism"), *s.Parallelism, tooMany))
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
