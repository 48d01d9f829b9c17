package cronjobs

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what is accepted", func() {
	f := New()

	f.It("cronjobs/defaults", func(ctx SpecContext) {
		cron := cronJob("tick", "0 0 1 1 *")
		f.Create(ctx, cron)
		Expect(cron.Spec.ConcurrencyPolicy).To(Equal(batchv1.AllowConcurrent))
		Expect(cron.Spec.Suspend).To(HaveValue(BeFalse()))
		Expect(cron.Spec.SuccessfulJobsHistoryLimit).To(HaveValue(BeEquivalentTo(3)))
		Expect(cron.Spec.FailedJobsHistoryLimit).To(HaveValue(BeEquivalentTo(1)))
		Expect(cron.Spec.StartingDeadlineSeconds).To(BeNil())
		Expect(cron.Spec.TimeZone).To(BeNil())
	})

	f.It("cronjobs/schedule-forms", func(ctx SpecContext) {
		for _, schedule := range []string{
			"* * * * *", "0 0 13 * 5", "*/15 * * * *", "0-59/10 * * * *", "0,30 8-18 * * 1-5", "10-20,40-50/5 */2 1,15 * *",
			"0 0 1 jan *", "0 0 * jan-mar,DEC *", "0 0 * * sun", "30 6 * * Mon-fri", "0 0 ? * 6", "59 23 31 12 0",
			"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
		} {
			cron := cronJob("tick", schedule)
			Expect(f.DryCreate(ctx, cron)).To(Succeed(), "schedule %q", schedule)
			Expect(cron.Spec.Schedule).To(Equal(schedule))
		}
	})

	f.It("cronjobs/schedule-refused", func(ctx SpecContext) {
		for _, schedule := range []string{
			"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
			"* * * * 8", "-1 * * * *", "5-1 * * * *", "*/0 * * * *", "one * * * *", "* * * month *", "@fortnightly", "every minute",
		} {
			By("schedule " + schedule)
			MustBeInvalid(f.DryCreate(ctx, cronJob("tick", schedule)), "spec.schedule")
		}
		cron := cronJob("tick", "@hourly")
		f.Create(ctx, cron)
		MustBeInvalid(f.TryEdit(ctx, cron, func() { cron.Spec.Schedule = "60 * * * *" }), "spec.schedule")
	})

	f.It("cronjobs/no-zone-in-schedule", func(ctx SpecContext) {
		for _, schedule := range []string{"TZ=UTC * * * * *", "CRON_TZ=UTC 0 0 * * *", "TZ=America/New_York @daily"} {
			By("schedule " + schedule)
			MustBeInvalid(f.DryCreate(ctx, cronJob("tick", schedule)), "spec.schedule")
		}
	})

	f.It("cronjobs/zone-names", func(ctx SpecContext) {
		for _, zone := range []string{"Etc/UTC", "America/New_York", "Asia/Kolkata", "Europe/Vienna"} {
			cron := cronJob("tick", "@daily")
			cron.Spec.TimeZone = &zone
			Expect(f.DryCreate(ctx, cron)).To(Succeed(), "time zone %q", zone)
		}
		for _, zone := range []string{"", "Local", "Atlantis/Poseidonis", " Etc/UTC", "+02:00"} {
			By("time zone " + zone)
			cron := cronJob("tick", "@daily")
			cron.Spec.TimeZone = &zone
			MustBeInvalid(f.DryCreate(ctx, cron), "spec.timeZone")
		}
	})

	f.It("cronjobs/name-length", func(ctx SpecContext) {
		Expect(f.DryCreate(ctx, cronJob(strings.Repeat("x", 52), "@daily"))).To(Succeed(), "52 characters")
		MustBeInvalid(f.DryCreate(ctx, cronJob(strings.Repeat("x", 53), "@daily")), "metadata.name", "52")
	})

	f.It("cronjobs/values-refused", func(ctx SpecContext) {
		for field, spoil := range map[string]func(*batchv1.CronJobSpec){
			"spec.successfulJobsHistoryLimit": func(s *batchv1.CronJobSpec) { s.SuccessfulJobsHistoryLimit = ptr.To[int32](-1) },
			"spec.failedJobsHistoryLimit":     func(s *batchv1.CronJobSpec) { s.FailedJobsHistoryLimit = ptr.To[int32](-1) },
			"spec.startingDeadlineSeconds":    func(s *batchv1.CronJobSpec) { s.StartingDeadlineSeconds = ptr.To[int64](-1) },
			"spec.concurrencyPolicy":          func(s *batchv1.CronJobSpec) { s.ConcurrencyPolicy = "Queue" },
			"spec.jobTemplate.spec.template.spec.restartPolicy": func(s *batchv1.CronJobSpec) {
				s.JobTemplate.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyAlways
			},
		} {
			By(field)
			cron := cronJob("tick", "@daily")
			spoil(&cron.Spec)
			MustBeInvalid(f.DryCreate(ctx, cron), field)
		}
	})
})
