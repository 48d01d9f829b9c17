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

var _ = Describe("what is left of runs", func() {
	f := New()

	// What a CronJob makes of finished Jobs does not depend on how those were started.
	f.It("cronjobs/history-limits", func(ctx SpecContext) {
		seen, pods := f.WatchJobs(ctx, ""), f.WatchPods(ctx, "")
		cron := cronJob("tick", everyMinute)
		cron.Spec.Suspend = ptr.To(true)
		f.Create(ctx, cron)
		run := func(name string, well bool) {
			GinkgoHelper()
			job := byHand(cron, name)
			if !well {
				job.Spec.ActiveDeadlineSeconds = ptr.To[int64](1)
			}
			f.Create(ctx, job)
			started := time.Now()
			if well {
				succeed(ctx, f, pods, job)
			}
			seen.MustReach(ctx, name+" has finished", Exactly(1, func(j *batchv1.Job) bool { return j.Name == name && finished(j) }))
			until(ctx, f, started.Add(2*time.Second)) // start times, by which Jobs are old or new, are in whole seconds
		}
		for i := range 3 {
			run(fmt.Sprintf("well-%d", i), true)
		}
		run("bad-0", false)
		seen.MustNever(ctx, "any is deleted", func(now []*batchv1.Job) bool { return names(now) != "bad-0 well-0 well-1 well-2" }, Quiet)
		run("well-3", true)
		seen.MustReach(ctx, "the oldest that succeeded is gone", func(now []*batchv1.Job) bool { return names(now) == "bad-0 well-1 well-2 well-3" })
		run("bad-1", false)
		seen.MustReach(ctx, "the older one that failed is gone", func(now []*batchv1.Job) bool { return names(now) == "bad-1 well-1 well-2 well-3" })
		pods.MustReach(ctx, "the pods of what is gone are gone", Exactly(0, func(p *corev1.Pod) bool { return p.Labels[batchv1.JobNameLabel] == "well-0" }))
		f.Patch(ctx, cron, `{"spec":{"successfulJobsHistoryLimit":1,"failedJobsHistoryLimit":0}}`)
		seen.MustReach(ctx, "only the newest that succeeded is left", func(now []*batchv1.Job) bool { return names(now) == "well-3" })
		seen.MustNever(ctx, "that is deleted", func(now []*batchv1.Job) bool { return names(now) != "well-3" }, Quiet)
	})

	f.It("cronjobs/deletion-cascades", func(ctx SpecContext) {
		seen, pods := f.WatchJobs(ctx, ""), f.WatchPods(ctx, "")
		cron := cronJob("tick", everyMinute)
		f.Create(ctx, cron)
		seen.MustReach(ctx, "a Job is made", jobs(1))
		pods.MustReach(ctx, "it has its pod", Exactly(1, Active))
		f.Delete(ctx, cron)
		f.WaitGone(ctx, cron)
		seen.MustReach(ctx, "the Job is gone", func(now []*batchv1.Job) bool { return len(now) == 0 })
		pods.MustReach(ctx, "its pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})

	f.It("cronjobs/manual-job", func(ctx SpecContext) {
		seen, pods, crons := f.WatchJobs(ctx, ""), f.WatchPods(ctx, ""), f.WatchCronJob(ctx, "tick")
		cron := cronJob("tick", "0 0 1 1 *")
		cron.Spec.Suspend = ptr.To(true)
		f.Create(ctx, cron)
		job := byHand(cron, "now")
		f.Create(ctx, job)
		pods.MustReach(ctx, "it has its pod", Exactly(1, func(p *corev1.Pod) bool { return OwnedBy(p, job) }))
		seen.MustReach(ctx, "it is active", func(now []*batchv1.Job) bool { return jobs(1)(now) && now[0].Status.Active == 1 })
		seen.MustNever(ctx, "it is deleted, or another is made", func(now []*batchv1.Job) bool { return !jobs(1)(now) }, Quiet)
		Expect(crons.Now()[0].Status.LastScheduleTime).To(BeNil(), "nothing was scheduled")
		Expect(crons.Now()[0].Status.Active).To(BeEmpty(), "the schedule's active Jobs")
		succeed(ctx, f, pods, job)
		seen.MustReach(ctx, "it has finished and stays", func(now []*batchv1.Job) bool { return jobs(1)(now) && finished(now[0]) })
		f.Delete(ctx, cron)
		seen.MustReach(ctx, "it is deleted with its CronJob", func(now []*batchv1.Job) bool { return len(now) == 0 })
	})
})
