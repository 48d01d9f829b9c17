package cronjob

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// hourly is a CronJob made at half past nine that starts a Job each full hour.
func hourly(t testing.TB, change func(*batchv1.CronJob)) *batchv1.CronJob {
	cj := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "report", UID: "cj", CreationTimestamp: metav1.NewTime(at(t, "2026-01-01T09:30:00Z"))},
		Spec: batchv1.CronJobSpec{
			Schedule: "0 * * * *", TimeZone: ptr.To("UTC"), ConcurrencyPolicy: batchv1.AllowConcurrent,
			SuccessfulJobsHistoryLimit: ptr.To[int32](3), FailedJobsHistoryLimit: ptr.To[int32](1),
		},
	}
	if change != nil {
		change(cj)
	}
	return cj
}

// run is a Job of the CronJob for that time; ended so unless how is empty.
func run(cj *batchv1.CronJob, scheduled time.Time, how batchv1.JobConditionType) *batchv1.Job {
	job := newJob(cj, scheduled)
	job.UID = types.UID(job.Name)
	job.Status.StartTime = &metav1.Time{Time: scheduled.Add(time.Second)}
	if how != "" {
		job.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue}}
	}
	if how == batchv1.JobComplete {
		job.Status.CompletionTime = &metav1.Time{Time: scheduled.Add(time.Minute)}
	}
	return job
}

func TestPlanStarts(t *testing.T) {
	const ten, eleven = "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"
	busy := func(policy batchv1.ConcurrencyPolicy) func(*batchv1.CronJob) {
		return func(cj *batchv1.CronJob) {
			cj.Spec.ConcurrencyPolicy = policy
			cj.Status.LastScheduleTime = ptr.To(metav1.NewTime(at(t, ten)))
			cj.Status.Active = []corev1.ObjectReference{reference(run(cj, at(t, ten), ""))}
		}
	}
	for name, test := range map[string]struct {
		change              func(*batchv1.CronJob)
		jobs                func(*batchv1.CronJob) []*batchv1.Job
		now                 string
		start, next, remark string
		replace             int
	}{
		"not yet":          {now: "2026-01-01T09:59:59Z", next: ten},
		"on the dot":       {now: ten, start: ten, next: eleven},
		"late":             {now: "2026-01-01T10:40:00Z", start: ten, next: eleven},
		"only the last":    {now: "2026-01-01T17:40:00Z", start: "2026-01-01T17:00:00Z", next: "2026-01-01T18:00:00Z"},
		"a hundred missed": {now: "2026-01-05T13:59:00Z", start: "2026-01-05T13:00:00Z", next: "2026-01-05T14:00:00Z"},
		"too many missed": {now: "2026-01-05T14:00:00Z", start: "2026-01-05T14:00:00Z", next: "2026-01-05T15:00:00Z",
			remark: "TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"},
		"too many missed, but not within the deadline": {
			change: func(cj *batchv1.CronJob) { cj.Spec.StartingDeadlineSeconds = ptr.To[int64](7200) },
			now:    "2026-02-05T14:00:00Z", start: "2026-02-05T14:00:00Z", next: "2026-02-05T15:00:00Z"},
		"within the deadline": {
			change: func(cj *batchv1.CronJob) { cj.Spec.StartingDeadlineSeconds = ptr.To[int64](60) },
			now:    "2026-01-01T10:01:00Z", start: ten, next: eleven},
		"beyond the deadline": {
			change: func(cj *batchv1.CronJob) { cj.Spec.StartingDeadlineSeconds = ptr.To[int64](60) },
			now:    "2026-01-01T10:01:01Z", next: eleven,
			remark: "MissSchedule Missed scheduled time to start a job: Thu, 01 Jan 2026 10:00:00 +0000"},
		"a deadline of a second": {
			change: func(cj *batchv1.CronJob) { cj.Spec.StartingDeadlineSeconds = ptr.To[int64](1) },
			now:    ten, start: ten, next: eleven},
		"an interval longer than the deadline": {
			change: func(cj *batchv1.CronJob) {
				cj.Spec.Schedule, cj.Spec.StartingDeadlineSeconds = "@every 1h", ptr.To[int64](5)
			},
			now: "2026-01-01T10:30:02Z", start: "2026-01-01T10:30:00Z", next: "2026-01-01T11:30:00Z"},
		"started already": {
			change: func(cj *batchv1.CronJob) { cj.Status.LastScheduleTime = ptr.To(metav1.NewTime(at(t, ten))) },
			now:    "2026-01-01T10:00:30Z", next: eleven},
		"started, but killed before it was noted": {
			jobs: func(cj *batchv1.CronJob) []*batchv1.Job { return []*batchv1.Job{run(cj, at(t, ten), "")} },
			now:  "2026-01-01T10:00:30Z", next: eleven},
		"ended before it was noted": {
			jobs: func(cj *batchv1.CronJob) []*batchv1.Job {
				return []*batchv1.Job{run(cj, at(t, ten), batchv1.JobFailed)}
			},
			now: "2026-01-01T10:00:30Z", next: eleven},
		"one by hand is not the one of the schedule": {
			jobs: func(cj *batchv1.CronJob) []*batchv1.Job {
				manual := run(cj, at(t, ten), "")
				manual.Annotations[instantiateAnnotation] = "manual"
				return []*batchv1.Job{manual}
			},
			now: "2026-01-01T10:00:30Z", start: ten, next: eleven,
			remark: "UnexpectedJob Saw a job that the controller did not create or forgot: report-29454360"},
		"allowed": {change: busy(batchv1.AllowConcurrent), now: eleven, start: eleven, next: "2026-01-01T12:00:00Z"},
		"forbidden": {change: busy(batchv1.ForbidConcurrent), now: eleven, next: "2026-01-01T12:00:00Z",
			remark: "JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid"},
		"replaced":  {change: busy(batchv1.ReplaceConcurrent), now: eleven, start: eleven, next: "2026-01-01T12:00:00Z", replace: 1},
		"suspended": {change: func(cj *batchv1.CronJob) { cj.Spec.Suspend = ptr.To(true) }, now: eleven},
		"going":     {change: func(cj *batchv1.CronJob) { cj.DeletionTimestamp = ptr.To(metav1.NewTime(at(t, ten))) }, now: eleven},
		"unknown zone": {change: func(cj *batchv1.CronJob) { cj.Spec.TimeZone = ptr.To("Mars/Base") }, now: eleven,
			remark: `UnknownTimeZone invalid timeZone: "Mars/Base": unknown time zone Mars/Base`},
		"no schedule": {change: func(cj *batchv1.CronJob) { cj.Spec.Schedule = "soon" }, now: eleven,
			remark: `UnparseableSchedule unparseable schedule: "soon" : expected exactly 5 fields, found 1: [soon]`},
		"February 31": {change: func(cj *batchv1.CronJob) { cj.Spec.Schedule = "59 23 31 2 *" }, now: eleven,
			remark: "InvalidSchedule invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second"},
		"zone in the schedule": {
			change: func(cj *batchv1.CronJob) { cj.Spec.Schedule, cj.Spec.TimeZone = "TZ=Asia/Kolkata 30 15 * * *", nil },
			now:    eleven, start: ten, next: "2026-01-02T10:00:00Z",
			remark: `UnsupportedSchedule CRON_TZ or TZ used in schedule "TZ=Asia/Kolkata 30 15 * * *" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`},
	} {
		t.Run(name, func(t *testing.T) {
			cj := hourly(t, test.change)
			var jobs []*batchv1.Job
			if test.jobs != nil {
				jobs = test.jobs(cj)
			} else if len(cj.Status.Active) > 0 {
				jobs = []*batchv1.Job{run(cj, at(t, ten), "")}
			}
			d := plan(cj, jobs, at(t, test.now))
			for what, times := range map[string]struct {
				got  time.Time
				want string
			}{"start": {d.start, test.start}, "next": {d.next, test.next}} {
				var want time.Time
				if times.want != "" {
					want = at(t, times.want)
				}
				if !times.got.Equal(want) {
					t.Errorf("%s is %s, want %s", what, times.got.UTC(), want)
				}
			}
			var said []string
			for _, r := range d.remarks {
				said = append(said, r.reason+" "+r.message)
			}
			if got := strings.Join(said, "; "); got != test.remark {
				t.Errorf("said %q, want %q", got, test.remark)
			}
			if len(d.replace) != test.replace {
				t.Errorf("replaces %d Jobs, want %d", len(d.replace), test.replace)
			}
		})
	}
}

func TestPlanReports(t *testing.T) {
	ten, eleven := at(t, "2026-01-01T10:00:00Z"), at(t, "2026-01-01T11:00:00Z")
	cj := hourly(t, nil)
	succeeded, running, gone := run(cj, ten, batchv1.JobComplete), run(cj, eleven, ""), run(cj, ten.Add(-time.Hour), "")
	cj.Status.Active = []corev1.ObjectReference{reference(succeeded), reference(gone)}
	cj.Status.LastScheduleTime = &metav1.Time{Time: ten}
	d := plan(cj, []*batchv1.Job{succeeded, running}, eleven.Add(time.Second))
	if got := d.status.Active; len(got) != 1 || got[0] != reference(running) {
		t.Errorf("active are %+v, want only %s", got, running.Name)
	}
	if !d.status.LastScheduleTime.Equal(&metav1.Time{Time: eleven}) || !d.status.LastSuccessfulTime.Equal(succeeded.Status.CompletionTime) {
		t.Errorf("last scheduled %s, last successful %s", d.status.LastScheduleTime, d.status.LastSuccessfulTime)
	}
	want := []event{
		{"Normal", "SawCompletedJob", "Saw completed job: report-29454360, condition: Complete"},
		{"Normal", "MissingJob", "Active job went missing: report-29454300"},
	}
	if !slices.Equal(d.news, want) {
		t.Errorf("told %+v, want %+v", d.news, want)
	}
	if len(cj.Status.Active) != 2 {
		t.Error("the cached object was changed")
	}
}

func TestNewJob(t *testing.T) {
	cj := hourly(t, func(cj *batchv1.CronJob) {
		cj.Spec.TimeZone = ptr.To("Asia/Kolkata")
		cj.Spec.JobTemplate = batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "report"}, Annotations: map[string]string{"a": "b"}},
			Spec:       batchv1.JobSpec{Completions: ptr.To[int32](2)},
		}
	})
	job := newJob(cj, at(t, "2026-01-01T10:00:00Z"))
	if job.Name != "report-29454360" || job.Namespace != "default" || job.Labels["app"] != "report" || *job.Spec.Completions != 2 {
		t.Errorf("made %+v", job)
	}
	if got := job.Annotations; len(got) != 2 || got["batch.kubernetes.io/cronjob-scheduled-timestamp"] != "2026-01-01T15:30:00+05:30" {
		t.Errorf("annotations %v", got)
	}
	if !metav1.IsControlledBy(job, cj) || job.OwnerReferences[0].Kind != "CronJob" || job.OwnerReferences[0].APIVersion != "batch/v1" {
		t.Errorf("owned by %+v", job.OwnerReferences)
	}
	if len(cj.Spec.JobTemplate.Annotations) != 1 {
		t.Error("the template was changed")
	}
	cj.Spec.TimeZone = nil
	if got := newJob(cj, at(t, "2026-01-01T10:00:00Z")).Annotations[batchv1.CronJobScheduledTimestampAnnotation]; got != "2026-01-01T10:00:00Z" {
		t.Errorf("without a zone the annotation says %s", got)
	}
}

func TestSurplus(t *testing.T) {
	cj := hourly(t, nil)
	ten := at(t, "2026-01-01T10:00:00Z")
	var jobs []*batchv1.Job
	for i, how := range []batchv1.JobConditionType{
		batchv1.JobComplete, batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailed, batchv1.JobComplete, batchv1.JobComplete, "",
	} {
		jobs = append(jobs, run(cj, ten.Add(time.Duration(i)*time.Hour), how))
	}
	names := func(list []*batchv1.Job) (names []string) {
		for _, job := range list {
			names = append(names, job.Name)
		}
		return names
	}
	slices.Reverse(jobs)
	if got, want := names(surplus(cj, jobs)), []string{"report-29454360", "report-29454420"}; !slices.Equal(got, want) {
		t.Errorf("surplus %v, want %v", got, want)
	}
	cj.Spec.SuccessfulJobsHistoryLimit, cj.Spec.FailedJobsHistoryLimit = ptr.To[int32](0), nil
	if got := surplus(cj, jobs); len(got) != 4 {
		t.Errorf("surplus %v, want the four that succeeded", names(got))
	}
	jobs[1].Status.StartTime = nil // never started: counts as the latest
	cj.Spec.SuccessfulJobsHistoryLimit = ptr.To[int32](1)
	if got := names(surplus(cj, jobs)); len(got) != 3 || slices.Contains(got, jobs[1].Name) {
		t.Errorf("surplus %v, want all but the latest that succeeded", got)
	}
}

// Whatever happened before, carrying a plan out leads to one that has nothing
// left to do: no start happens twice, and none but the latest.
func TestPlanSettles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		cj := hourly(t, func(cj *batchv1.CronJob) {
			cj.Spec.Schedule = rapid.SampledFrom(schedules).Draw(r, "schedule")
			cj.Spec.TimeZone = ptr.To(rapid.SampledFrom(zones).Draw(r, "zone"))
			cj.Spec.ConcurrencyPolicy = rapid.SampledFrom([]batchv1.ConcurrencyPolicy{
				batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent}).Draw(r, "policy")
			if rapid.Bool().Draw(r, "has a deadline") {
				cj.Spec.StartingDeadlineSeconds = ptr.To(rapid.Int64Range(0, 100_000).Draw(r, "deadline"))
			}
		})
		now := cj.CreationTimestamp.Add(time.Duration(rapid.IntRange(0, 3_000_000).Draw(r, "seconds")) * time.Second)
		schedule := table(t, cj.Spec.Schedule, *cj.Spec.TimeZone)
		var jobs []*batchv1.Job
		for i := range rapid.IntRange(0, 4).Draw(r, "jobs") {
			scheduled := schedule.after(cj.CreationTimestamp.Add(time.Duration(i) * time.Hour))
			how := rapid.SampledFrom([]batchv1.JobConditionType{"", batchv1.JobComplete, batchv1.JobFailed}).Draw(r, "end")
			if !scheduled.IsZero() && !scheduled.After(now) {
				jobs = append(jobs, run(cj, scheduled, how))
			}
		}
		first := plan(cj, jobs, now)
		cj.Status = first.status
		for _, job := range first.replace {
			removeActive(&cj.Status, job)
			jobs = slices.DeleteFunc(jobs, func(j *batchv1.Job) bool { return j == job })
		}
		if !first.start.IsZero() {
			if first.start.After(now) {
				r.Fatalf("starts for %s at %s", first.start, now)
			}
			jobs = append(jobs, run(cj, first.start, "")) // and killed before it could be noted
		}
		second := plan(cj, jobs, now)
		if !second.start.IsZero() || len(second.replace) > 0 {
			r.Fatalf("started for %s, then again for %s, replacing %d", first.start, second.start, len(second.replace))
		}
		if !second.next.Equal(first.next) || (!second.next.IsZero() && !second.next.After(now)) {
			r.Fatalf("next is %s, then %s; now is %s", first.next, second.next, now)
		}
		if running := len(second.status.Active); cj.Spec.ConcurrencyPolicy == batchv1.ReplaceConcurrent && !first.start.IsZero() && running > 1 {
			r.Fatalf("%d run at once", running)
		}
	})
}
