package cronjobs

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("concurrency", func() {
	f := New()

	with := func(name string, policy batchv1.ConcurrencyPolicy) *batchv1.CronJob {
		cron := cronJob(name, everyMinute)
		cron.Spec.ConcurrencyPolicy = policy
		return cron
	}

	f.It("cronjobs/allow", func(ctx SpecContext) {
		seen, crons := f.WatchJobs(ctx, ""), f.WatchCronJob(ctx, "tick")
		f.Create(ctx, with("tick", batchv1.AllowConcurrent))
		seen.MustReach(ctx, "a Job is made", jobs(1))
		two := seen.MustReach(ctx, "another Job is made", jobs(2))
		Expect(Where(two, finished)).To(BeEmpty(), "Jobs that have finished")
		crons.MustReach(ctx, "both are active", func(now []*batchv1.CronJob) bool { return len(now) == 1 && len(now[0].Status.Active) == 2 })
	})

	f.It("cronjobs/forbid", func(ctx SpecContext) {
		seen, herald, pods := f.WatchJobs(ctx, "app=tick"), f.WatchJobs(ctx, "app=herald"), f.WatchPods(ctx, "app=tick")
		cron := with("tick", batchv1.ForbidConcurrent)
		f.Create(ctx, cron)
		seen.Throughout(ctx, "at most one Job that has not finished", func(now []*batchv1.Job) string {
			running := Where(now, func(j *batchv1.Job) bool { return !finished(j) })
			if len(running) > 1 {
				return fmt.Sprintf("%v have not finished", Names(running))
			}
			return ""
		})
		first := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		f.Create(ctx, with("herald", batchv1.AllowConcurrent)) // tells that the next minute has come
		herald.MustReach(ctx, "another CronJob makes its Job", jobs(1))
		seen.MustNever(ctx, "another Job is made while the first is active, or that is gone", func(now []*batchv1.Job) bool { return !jobs(1)(now) }, Quiet)
		succeed(ctx, f, pods, first)
		second := others(seen.MustReach(ctx, "another Job is made when the first has finished", jobs(2)), first)[0]
		Expect(scheduled(second)).To(BeTemporally(">", scheduled(first)))
	})

	f.It("cronjobs/replace", func(ctx SpecContext) {
		seen, pods := f.WatchJobs(ctx, ""), f.WatchPods(ctx, "")
		f.Create(ctx, with("tick", batchv1.ReplaceConcurrent))
		seen.Throughout(ctx, "at most one Job that is to stay", func(now []*batchv1.Job) string {
			if left := Where(now, stays); len(left) > 1 {
				return fmt.Sprintf("there are %v", Names(left))
			}
			return ""
		})
		first := seen.MustReach(ctx, "a Job is made", jobs(1))[0]
		pods.MustReach(ctx, "it has its pod", Exactly(1, func(p *corev1.Pod) bool { return OwnedBy(p, first) }))
		second := others(seen.MustReach(ctx, "another Job has taken its place", func(now []*batchv1.Job) bool {
			return len(now) == 1 && now[0].UID != first.UID && stays(now[0])
		}), first)[0]
		Expect(scheduled(second)).To(BeTemporally(">", scheduled(first)))
		pods.MustReach(ctx, "the old pod is gone and there is a new one", func(now []*corev1.Pod) bool {
			return len(now) == 1 && OwnedBy(now[0], second)
		})
	})
})
