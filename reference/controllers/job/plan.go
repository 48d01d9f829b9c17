package job

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// decision is what to do about a Job's pods.
type decision struct {
	// end announces the end of the Job: FailureTarget or SuccessCriteriaMet. Nil if there is more to do.
	end *batchv1.JobCondition
	// enough says that the Job will end in success as soon as no pod of it is active.
	enough bool
	// open says that there may be a pod that nobody has seen yet. So long the Job does not end.
	open bool

	stop    []*corev1.Pod // to be deleted because the Job ends; they count
	drop    []*corev1.Pod // to be deleted because they are not wanted; they do not count
	protect []*corev1.Pod // active, and without the finalizer that makes sure that they are counted
	create  []creation
	// suspended and resumed say what the Job is once this is done.
	suspended, resumed bool
	// next is after how long time alone will have changed something; zero if it will not.
	next time.Duration
}

// creation is a pod to be made.
type creation struct {
	index    int         // noIndex if the Job is not Indexed
	replaces *corev1.Pod // the latest failure of the index, with a limit per index
}

// plan decides. The failures are those of the Job since its last success.
func plan(v *view, past *failures) decision {
	end := ending(v)
	if end != nil {
		return decision{end: end, stop: v.active[:min(len(v.active), burst)]}
	}
	d := decision{}
	if v.job.DeletionTimestamp == nil {
		d = manage(v, past)
	}
	if v.job.Spec.Completions == nil {
		// Any success means that the work is done; the other pods come to their own end.
		d.enough = v.succeeded > 0
	} else {
		d.enough = v.succeeded >= int(*v.job.Spec.Completions)
	}
	if left, limited := deadlineIn(v); limited {
		d.next = sooner(d.next, left)
	}
	return d
}

// ending says whether the Job is about to end, and how. What has been announced stays.
func ending(v *view) *batchv1.JobCondition {
	job, spec := v.job, &v.job.Spec
	for _, kind := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobFailureTarget} {
		if announced := trueCondition(&job.Status, kind); announced != nil {
			return announced
		}
	}
	failure := func(reason, message string) *batchv1.JobCondition {
		return ptr.To(newCondition(batchv1.JobFailureTarget, corev1.ConditionTrue, reason, message, v.now))
	}
	if message := failedByPolicy(v); message != "" {
		return failure(batchv1.JobReasonPodFailurePolicy, message)
	}
	if v.failed > int(ptr.Deref(spec.BackoffLimit, 0)) || restartedTooOften(v) {
		return failure(batchv1.JobReasonBackoffLimitExceeded, backoffLimitMessage)
	}
	if left, limited := deadlineIn(v); limited && left <= 0 {
		return failure(batchv1.JobReasonDeadlineExceeded, deadlineMessage)
	}
	if !isIndexed(job) {
		return nil
	}
	if failed := v.failedIndexes.total(); failed > 0 {
		switch {
		case spec.MaxFailedIndexes != nil && failed > int(*spec.MaxFailedIndexes):
			return failure(batchv1.JobReasonMaxFailedIndexesExceeded, maxFailedIndexesMessage)
		case failed+v.succeeded >= int(*spec.Completions):
			return failure(batchv1.JobReasonFailedIndexes, failedIndexesMessage)
		}
	}
	if rule, met := metRule(spec.SuccessPolicy, int(*spec.Completions), v.succeededIndexes); met {
		return ptr.To(newCondition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue, batchv1.JobReasonSuccessPolicy,
			fmt.Sprintf(successPolicyMessage, rule), v.now))
	}
	return nil
}

// failedByPolicy is the message of the first pod whose failure fails the Job.
func failedByPolicy(v *view) string {
	if v.job.Spec.PodFailurePolicy == nil {
		return ""
	}
	for _, pod := range v.tracked {
		if v.hasFailed(pod) {
			if verdict := judge(v.job.Spec.PodFailurePolicy, pod); verdict.message != "" {
				return verdict.message
			}
		}
	}
	return ""
}

// restartedTooOften: where containers are restarted in place, their restarts count as pods' failures do.
func restartedTooOften(v *view) bool {
	if v.job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return false
	}
	restarts := 0
	for _, list := range [][]*corev1.Pod{v.active, v.terminating} {
		for _, pod := range list {
			if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != corev1.PodPending {
				continue
			}
			for i := range pod.Status.InitContainerStatuses {
				restarts += int(pod.Status.InitContainerStatuses[i].RestartCount)
			}
			for i := range pod.Status.ContainerStatuses {
				restarts += int(pod.Status.ContainerStatuses[i].RestartCount)
			}
		}
	}
	limit := int(ptr.Deref(v.job.Spec.BackoffLimit, 0))
	return restarts > 0 && restarts >= limit
}

// deadlineIn is how much of the Job's time is left, if it is limited and runs.
func deadlineIn(v *view) (left time.Duration, limited bool) {
	limit, started := v.job.Spec.ActiveDeadlineSeconds, v.job.Status.StartTime
	if limit == nil || isSuspended(v.job) {
		return 0, false
	}
	if started == nil {
		return max(time.Duration(*limit)*time.Second, 1), true // it starts now
	}
	return started.Add(time.Duration(*limit) * time.Second).Sub(v.now), true
}

// sooner is the shorter of two times to wait, of which zero is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
