package cronjob

import (
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// observe brings the status up to date with the Jobs that are there: which run,
// when the last was scheduled, and when the last succeeded. A Job that the
// controller made and was killed before it could note is noted now.
func observe(cj *batchv1.CronJob, jobs []*batchv1.Job, now time.Time) decision {
	d := decision{status: *cj.Status.DeepCopy()}
	byUID := map[string]bool{}
	for _, job := range jobs {
		byUID[string(job.UID)] = true
		d.see(cj, job, now)
	}
	d.status.Active = slices.DeleteFunc(d.status.Active, func(ref corev1.ObjectReference) bool {
		missing := !byUID[string(ref.UID)]
		if missing {
			d.news = append(d.news, event{corev1.EventTypeNormal, "MissingJob", fmt.Sprintf("Active job went missing: %v", ref.Name)})
		}
		return missing
	})
	return d
}

// see takes one Job into the status.
func (d *decision) see(cj *batchv1.CronJob, job *batchv1.Job, now time.Time) {
	scheduled, ours := scheduledFor(cj, job)
	if ours && !scheduled.After(now) && (d.status.LastScheduleTime == nil || scheduled.After(d.status.LastScheduleTime.Time)) {
		d.status.LastScheduleTime = &metav1.Time{Time: scheduled}
	}
	active, how := isActive(&d.status, job), finished(job)
	switch {
	case active && how != "":
		removeActive(&d.status, job)
		d.news = append(d.news, event{corev1.EventTypeNormal, "SawCompletedJob",
			fmt.Sprintf("Saw completed job: %s, condition: %v", job.Name, how)})
	case active || how != "" || job.DeletionTimestamp != nil:
	case ours:
		d.status.Active = append(d.status.Active, reference(job))
	default:
		d.remark(corev1.EventTypeWarning, "UnexpectedJob", time.Time{},
			"Saw a job that the controller did not create or forgot: %s", job.Name)
	}
	if ended := job.Status.CompletionTime; how == batchv1.JobComplete && ended != nil &&
		(d.status.LastSuccessfulTime == nil || ended.After(d.status.LastSuccessfulTime.Time)) {
		d.status.LastSuccessfulTime = ended
	}
}

func isActive(status *batchv1.CronJobStatus, job *batchv1.Job) bool {
	return slices.ContainsFunc(status.Active, func(ref corev1.ObjectReference) bool { return ref.UID == job.UID })
}

func removeActive(status *batchv1.CronJobStatus, job *batchv1.Job) {
	status.Active = slices.DeleteFunc(status.Active, func(ref corev1.ObjectReference) bool { return ref.UID == job.UID })
}
