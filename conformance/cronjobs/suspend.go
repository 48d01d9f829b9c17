package cronjobs

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("suspension and missed runs", func() {
	f := New()

	f.It("cronjobs/suspend", func(ctx SpecContext) {
		seen, herald := f.WatchJobs(ctx, "app=tick"), f.WatchJobs(ctx, "app=herald")
		cron := cronJob("tick", everyMinute)
		f.Create(ctx, cron)
		first := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		f.Patch(ctx, cron, `{"spec":{"suspend":true}}`)
		f.Create(ctx, cronJob("herald", everyMinute)) // tells that the next minute has come
		herald.MustReach(ctx, "another CronJob makes its Job", jobs(1))
		seen.MustNever(ctx, "another Job is made, or the first is gone", func(now []*batchv1.Job) bool { return !jobs(1)(now) }, Quiet)
		f.Get(ctx, first)
		Expect(first.Spec.Suspend).To(HaveValue(BeFalse()), "the Job itself is not suspended")
		Expect(first.Status.Active).To(BeEquivalentTo(1), "the Job goes on")
	})

	f.It("cronjobs/late-start", func(ctx SpecContext) {
		seen := f.WatchJobs(ctx, "")
		cron := cronJob("tick", everyMinute)
		cron.Spec.Suspend = ptr.To(true)
		f.Create(ctx, cron)
		missed := minuteAfter(cron.CreationTimestamp.Time)
		until(ctx, f, missed.Add(25*time.Second))
		Expect(seen.Now()).To(BeEmpty(), "Jobs of the suspended CronJob")
		f.Patch(ctx, cron, `{"spec":{"suspend":false}}`)
		job := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		Expect(scheduled(job)).To(BeTemporally("==", missed), "the run that it is for")
	})

	f.It("cronjobs/starting-deadline", func(ctx SpecContext) {
		const deadline = 20
		seen, herald := f.WatchJobs(ctx, "app=tick"), f.WatchJobs(ctx, "app=herald")
		cron, other := cronJob("tick", everyMinute), cronJob("herald", everyMinute)
		cron.Spec.Suspend, other.Spec.Suspend = ptr.To(true), ptr.To(true)
		cron.Spec.StartingDeadlineSeconds = ptr.To[int64](deadline)
		f.Create(ctx, cron, other)
		missed := minuteAfter(other.CreationTimestamp.Time)
		until(ctx, f, missed.Add((deadline+5)*time.Second))
		f.Patch(ctx, cron, `{"spec":{"suspend":false}}`)
		f.Patch(ctx, other, `{"spec":{"suspend":false}}`)
		herald.MustReach(ctx, "the one without a deadline makes up for it", jobs(1))
		job := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		Expect(scheduled(job)).To(BeTemporally(">=", missed.Add(time.Minute)), "the run that it is for is the next, not the missed one")
	})
})
