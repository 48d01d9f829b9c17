package cronjob

import (
	"cmp"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
)

// surplus returns the Jobs that the history has no room for, those that started
// first first.
func surplus(cj *batchv1.CronJob, jobs []*batchv1.Job) []*batchv1.Job {
	return append(
		oldest(jobs, batchv1.JobComplete, cj.Spec.SuccessfulJobsHistoryLimit),
		oldest(jobs, batchv1.JobFailed, cj.Spec.FailedJobsHistoryLimit)...)
}

// oldest returns the Jobs that ended so and are beyond the limit; none without one.
func oldest(jobs []*batchv1.Job, how batchv1.JobConditionType, limit *int32) []*batchv1.Job {
	if limit == nil {
		return nil
	}
	var ended []*batchv1.Job
	for _, job := range jobs {
		if finished(job) == how && job.DeletionTimestamp == nil {
			ended = append(ended, job)
		}
	}
	slices.SortFunc(ended, byStart)
	return ended[:max(0, len(ended)-int(*limit))]
}

// byStart orders Jobs by when they started; those that never did come last.
func byStart(a, b *batchv1.Job) int {
	switch {
	case a.Status.StartTime == nil && b.Status.StartTime != nil:
		return 1
	case a.Status.StartTime != nil && b.Status.StartTime == nil:
		return -1
	case a.Status.StartTime != nil:
		if order := a.Status.StartTime.Compare(b.Status.StartTime.Time); order != 0 {
			return order
		}
	}
	return cmp.Compare(a.Name, b.Name)
}
