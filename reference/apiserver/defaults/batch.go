package defaults

import (
	"maps"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerBatch(s *runtime.Scheme) {
	addWithList(s, setJob, func(l *batchv1.JobList) []batchv1.Job { return l.Items })
	addWithList(s, setCronJob, func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items })
}

func setJob(j *batchv1.Job) {
	spec := &j.Spec
	// Completions alone absent means a work queue: it is done when any pod succeeds.
	if spec.Completions == nil && spec.Parallelism == nil {
		orPointTo(&spec.Completions, 1)
	}
	orPointTo(&spec.Parallelism, 1)
	if spec.BackoffLimitPerIndex != nil {
		orPointTo(&spec.BackoffLimit, math.MaxInt32)
	}
	orPointTo(&spec.BackoffLimit, 6)
	orPointTo(&spec.CompletionMode, batchv1.NonIndexedCompletion)
	orPointTo(&spec.Suspend, false)
	orPointTo(&spec.ManualSelector, false)
	if spec.PodFailurePolicy != nil {
		orPointTo(&spec.PodReplacementPolicy, batchv1.Failed)
	}
	orPointTo(&spec.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	if len(j.Labels) == 0 && len(spec.Template.Labels) > 0 {
		j.Labels = maps.Clone(spec.Template.Labels)
	}
	setJobSpec(spec)
}

// setJobSpec sets what is defaulted in a CronJob's template too.
func setJobSpec(s *batchv1.JobSpec) {
	if s.PodFailurePolicy != nil {
		each(s.PodFailurePolicy.Rules, func(r *batchv1.PodFailurePolicyRule) {
			each(r.OnPodConditions, func(p *batchv1.PodFailurePolicyOnPodConditionsPattern) {
				orElse(&p.Status, corev1.ConditionTrue)
			})
		})
	}
	setPodTemplateSpec(&s.Template)
}

func setCronJob(c *batchv1.CronJob) {
	orElse(&c.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
	orPointTo(&c.Spec.Suspend, false)
	orPointTo(&c.Spec.SuccessfulJobsHistoryLimit, 3)
	orPointTo(&c.Spec.FailedJobsHistoryLimit, 1)
	setJobSpec(&c.Spec.JobTemplate.Spec)
}
