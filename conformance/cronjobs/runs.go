package cronjobs

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("runs", func() {
	f := New()

	f.It("cronjobs/makes-jobs", func(ctx SpecContext) {
		seen, pods := f.WatchJobs(ctx, ""), f.WatchPods(ctx, "")
		cron := cronJob("tick", everyMinute)
		cron.Spec.JobTemplate.Labels["tier"], cron.Spec.JobTemplate.Annotations = "back", map[string]string{"note": "kept"}
		cron.Spec.JobTemplate.Spec.BackoffLimit = ptr.To[int32](2)
		f.Create(ctx, cron)
		job := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		at := scheduled(job)
		Expect(at).To(BeTemporally("~", at.Truncate(time.Minute), 0), "its time is a whole minute")
		Expect(at).To(BeTemporally(">", cron.CreationTimestamp.Time), "its time is after the CronJob's creation")
		Expect(job.CreationTimestamp.Time).To(BeTemporally(">=", at), "it is not made before its time")
		Expect(job.Name).To(MatchRegexp(`^tick-[a-z0-9-]{1,10}$`), "11 characters at most are added to the name")
		Expect(OwnedBy(job, cron)).To(BeTrue(), "the CronJob is its controller")
		owner := job.OwnerReferences[0]
		Expect([]string{owner.APIVersion, owner.Kind, owner.Name}).To(Equal([]string{"batch/v1", "CronJob", "tick"}))
		Expect(job.Labels).To(And(HaveKeyWithValue("app", "tick"), HaveKeyWithValue("tier", "back")))
		Expect(job.Annotations).To(HaveKeyWithValue("note", "kept"))
		Expect(job.Spec.BackoffLimit).To(HaveValue(BeEquivalentTo(2)))
		pods.MustReach(ctx, "the Job has its pod", Exactly(1, func(p *corev1.Pod) bool { return OwnedBy(p, job) }))
		f.WaitEvent(ctx, cron, "SuccessfulCreate")
		seen.MustNever(ctx, "another is made for the same minute", func(now []*batchv1.Job) bool {
			for _, other := range others(now, job) {
				if scheduled(other).Equal(at) {
					return true
				}
			}
			return false
		}, Quiet)
	})

	f.It("cronjobs/status", func(ctx SpecContext) {
		seen, pods, crons := f.WatchJobs(ctx, ""), f.WatchPods(ctx, ""), f.WatchCronJob(ctx, "tick")
		cron := cronJob("tick", everyMinute)
		f.Create(ctx, cron)
		job := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		active := func(now []*batchv1.CronJob) *corev1.ObjectReference {
			for _, ref := range now[0].Status.Active {
				if ref.UID == job.UID {
					return &ref
				}
			}
			return nil
		}
		now := crons.MustReach(ctx, "the Job is active", func(now []*batchv1.CronJob) bool {
			return len(now) == 1 && active(now) != nil && now[0].Status.LastScheduleTime != nil
		})
		ref := active(now)
		Expect([]string{ref.APIVersion, ref.Kind, ref.Namespace, ref.Name}).To(Equal([]string{"batch/v1", "Job", f.Namespace, job.Name}))
		Expect(now[0].Status.LastScheduleTime.Time).To(BeTemporally("==", scheduled(job)))
		Expect(now[0].Status.LastSuccessfulTime).To(BeNil())
		succeed(ctx, f, pods, job)
		now = crons.MustReach(ctx, "the Job is not active, and the time of its success is told", func(now []*batchv1.CronJob) bool {
			return len(now) == 1 && active(now) == nil && now[0].Status.LastSuccessfulTime != nil
		})
		f.Get(ctx, job)
		Expect(now[0].Status.LastSuccessfulTime.Time).To(BeTemporally("==", job.Status.CompletionTime.Time))
	})

	f.It("cronjobs/time-zone", func(ctx SpecContext) {
		zone := time.FixedZone("Asia/Kolkata", 5*60*60+30*60) // it knows no summer time
		at := minuteAfter(time.Now().Add(20 * time.Second))   // time enough to make both before it
		there := at.In(zone)
		schedule := fmt.Sprintf("%d %d * * *", there.Minute(), there.Hour())
		seen := f.WatchJobs(ctx, "")
		for name, zone := range map[string]string{"there": "Asia/Kolkata", "here": "Etc/UTC"} {
			cron := cronJob(name, schedule)
			cron.Spec.TimeZone = &zone
			f.Create(ctx, cron)
		}
		job := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		Expect(job.Labels).To(HaveKeyWithValue("app", "there"), "whose Job it is")
		Expect(scheduled(job)).To(BeTemporally("==", at))
		Expect(job.Annotations[batchv1.CronJobScheduledTimestampAnnotation]).To(HaveSuffix("+05:30"), "its time is told in the zone")
		seen.MustNever(ctx, "the other makes a Job, or this one another", func(now []*batchv1.Job) bool { return len(now) != 1 }, Quiet)
	})

	f.It("cronjobs/template-changes", func(ctx SpecContext) {
		seen := f.WatchJobs(ctx, "")
		cron := cronJob("tick", everyMinute)
		f.Create(ctx, cron)
		first := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		f.Edit(ctx, cron, func() { ChangeTemplate(&cron.Spec.JobTemplate.Spec.Template, "2") })
		both := seen.MustReach(ctx, "another Job is made", jobs(2))
		second := others(both, first)[0]
		Expect(second.Spec.Template.Spec.Containers[0].Env).To(HaveLen(1), "the new Job is of the new template")
		f.Get(ctx, first)
		Expect(first.Spec.Template.Spec.Containers[0].Env).To(BeEmpty(), "the old Job is of the old template")
	})
})
