package cronjob

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// manyMissed is how many starts may have been missed before users are told.
const manyMissed = 100

// decision is what is to be done about a CronJob.
type decision struct {
	// status is what follows from the Jobs that are there.
	status batchv1.CronJobStatus
	// news tell of what status newly says; to be told once it is written.
	news []event
	// remarks hold for as long as things are as they are; to be told once.
	remarks []remark
	// replace are the Jobs to delete before the next starts.
	replace []*batchv1.Job
	// start is the time for which a Job is to be made; zero for none.
	start time.Time
	// surplus are the ended Jobs to delete once status is written.
	surplus []*batchv1.Job
	// next is when the schedule comes next; zero if it never does.
	next time.Time
}

// event is what users are told.
type event struct{ kind, reason, message string }

// remark is an event, and the time of the schedule that it is about, if any.
type remark struct {
	event
	about time.Time
}

func (d *decision) remark(kind, reason string, about time.Time, format string, args ...any) {
	d.remarks = append(d.remarks, remark{event{kind, reason, fmt.Sprintf(format, args...)}, about})
}

// plan decides what to do about the CronJob at the time now. The Jobs are all
// that it controls.
func plan(cj *batchv1.CronJob, jobs []*batchv1.Job, now time.Time) decision {
	d := observe(cj, jobs, now)
	if cj.DeletionTimestamp != nil {
		return d
	}
	d.surplus = surplus(cj, jobs)
	if namesZone(cj.Spec.Schedule) {
		d.remark(corev1.EventTypeWarning, "UnsupportedSchedule", time.Time{},
			"CRON_TZ or TZ used in schedule %q is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details", cj.Spec.Schedule)
	}
	if cj.Spec.TimeZone != nil {
		if _, err := time.LoadLocation(*cj.Spec.TimeZone); err != nil {
			d.remark(corev1.EventTypeWarning, "UnknownTimeZone", time.Time{}, "invalid timeZone: %q: %s", *cj.Spec.TimeZone, err)
			return d
		}
	}
	if ptr.Deref(cj.Spec.Suspend, false) {
		return d
	}
	schedule, err := parse(&cj.Spec)
	if err != nil {
		d.remark(corev1.EventTypeWarning, "UnparseableSchedule", time.Time{}, "unparseable schedule: %q : %s", cj.Spec.Schedule, err)
		return d
	}
	d.schedule(cj, jobs, schedule, now)
	return d
}

// schedule decides whether a Job starts now, and when the next may.
func (d *decision) schedule(cj *batchv1.CronJob, jobs []*batchv1.Job, schedule timetable, now time.Time) {
	since := cj.CreationTimestamp.Time
	if d.status.LastScheduleTime != nil {
		since = d.status.LastScheduleTime.Time
	}
	d.next = schedule.upcoming(since, now)
	if d.next.IsZero() {
		d.remark(corev1.EventTypeWarning, "InvalidSchedule", time.Time{}, "invalid schedule: %s : %s", cj.Spec.Schedule, errNever)
		return
	}
	due := schedule.latest(since, now)
	if due.IsZero() {
		return
	}
	counted := since
	if deadline := cj.Spec.StartingDeadlineSeconds; deadline != nil {
		oldest := now.Add(-time.Duration(*deadline) * time.Second)
		if due.Before(oldest) {
			d.remark(corev1.EventTypeWarning, "MissSchedule", due, "Missed scheduled time to start a job: %s", due.UTC().Format(time.RFC1123Z))
			return
		}
		if oldest.After(counted) {
			counted = oldest
		}
	}
	if schedule.atLeast(manyMissed+1, counted, now) {
		d.remark(corev1.EventTypeWarning, "TooManyMissedTimes", due,
			"too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
	}
	if len(d.status.Active) > 0 {
		switch cj.Spec.ConcurrencyPolicy {
		case batchv1.ForbidConcurrent:
			d.remark(corev1.EventTypeNormal, "JobAlreadyActive", due,
				"Not starting job because prior execution is running and concurrency policy is Forbid")
			return
		case batchv1.ReplaceConcurrent:
			for _, job := range jobs {
				if isActive(&d.status, job) {
					d.replace = append(d.replace, job)
				}
			}
		case batchv1.AllowConcurrent:
		}
	}
	d.start = due
}
