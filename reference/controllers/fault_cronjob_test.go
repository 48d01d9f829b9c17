package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// Nothing waits for the clock: the schedules are of one moment each that is over
// already, and the status says that the last start was before.
func cronJobFaults() []fault.Scenario {
	first := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Hour)
	moments := []time.Time{first, first.Add(10 * time.Minute), first.Add(20 * time.Minute)}
	job := func(n int) string { return fmt.Sprintf("web-%d", moments[n].Unix()/60) }
	schedule := func(n int, policy batchv1.ConcurrencyPolicy) func(ctx context.Context, r *fault.Round) error {
		return func(ctx context.Context, r *fault.Round) error {
			change := fmt.Appendf(nil, `{"spec":{"suspend":false,"schedule":%q,"concurrencyPolicy":%q}}`, at(moments[n]), policy)
			_, err := r.Client.BatchV1().CronJobs(r.Namespace).Patch(ctx, "web", types.MergePatchType, change, metav1.PatchOptions{})
			return err
		}
	}
	return []fault.Scenario{{
		Name: "cronjob", Start: runs("cronjob-controller"), Outcome: cronJobOutcome,
		Steps: []fault.Step{
			{Name: "create", Do: createCronJob(moments[0])},
			{Name: "start", Do: schedule(0, batchv1.ForbidConcurrent), Until: jobsAre([]string{job(0)}, job(0))},
			{Name: "forbid another", Do: schedule(1, batchv1.ForbidConcurrent)},
			{Name: "end the first", Do: complete(job(0)), Until: jobsAre([]string{job(0), job(1)}, job(1))},
			{Name: "replace the second", Do: schedule(2, batchv1.ReplaceConcurrent), Until: jobsAre([]string{job(0), job(2)}, job(2))},
			{Name: "end the third", Do: complete(job(2)), Until: jobsAre([]string{job(2)}, "")},
		},
	}}
}

// at is the schedule of that moment, every year.
func at(moment time.Time) string {
	return fmt.Sprintf("%d %d %d %d *", moment.Minute(), moment.Hour(), moment.Day(), moment.Month())
}

// createCronJob makes the CronJob web, suspended, which last started a Job before
// that moment. It keeps one Job that succeeded.
func createCronJob(moment time.Time) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		cj := &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: batchv1.CronJobSpec{
				Schedule: at(moment), TimeZone: ptr.To("Etc/UTC"), Suspend: ptr.To(true), SuccessfulJobsHistoryLimit: ptr.To[int32](1),
				JobTemplate: batchv1.JobTemplateSpec{Spec: newJob(r.Namespace, "web", 1, 1).Spec},
			},
		}
		cj, err := r.Client.BatchV1().CronJobs(r.Namespace).Create(ctx, cj, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		cj.Status.LastScheduleTime = ptr.To(metav1.NewTime(moment.Add(-time.Hour)))
		_, err = r.Client.BatchV1().CronJobs(r.Namespace).UpdateStatus(ctx, cj, metav1.UpdateOptions{})
		return err
	}
}

// complete ends the Job as the Job controller would.
func complete(name string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		job, err := r.Client.BatchV1().Jobs(r.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		scheduled, err := time.Parse(time.RFC3339, job.Annotations[batchv1.CronJobScheduledTimestampAnnotation])
		if err != nil {
			return err
		}
		started, ended := metav1.NewTime(scheduled), metav1.NewTime(scheduled.Add(time.Minute))
		job.Status = batchv1.JobStatus{StartTime: &started, CompletionTime: &ended, Succeeded: 1}
		for _, kind := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
				Type: kind, Status: corev1.ConditionTrue, Reason: batchv1.JobReasonCompletionsReached, LastProbeTime: ended, LastTransitionTime: ended,
			})
		}
		_, err = r.Client.BatchV1().Jobs(r.Namespace).UpdateStatus(ctx, job, metav1.UpdateOptions{})
		return err
	}
}

// jobsAre waits until there are these Jobs, and the CronJob says that the active
// one runs, or none if it is empty.
func jobsAre(names []string, active string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		jobs, err := r.Client.BatchV1().Jobs(r.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var found []string
		for _, job := range jobs.Items {
			found = append(found, job.Name)
		}
		cj, err := r.Client.BatchV1().CronJobs(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		var running []string
		for _, ref := range cj.Status.Active {
			running = append(running, ref.Name)
		}
		if strings.Join(found, " ") != strings.Join(names, " ") || strings.Join(running, " ") != active {
			return fmt.Errorf("jobs %v of which the status says %v run, want %v and %q", found, running, names, active)
		}
		return nil
	}
}

func cronJobOutcome(ctx context.Context, r *fault.Round) (string, error) {
	cj, err := r.Client.BatchV1().CronJobs(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	lines := []string{fault.Text(cj.Status)}
	jobs, err := r.Client.BatchV1().Jobs(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, job := range jobs.Items {
		lines = append(lines, fmt.Sprint(job.Name, " ", fault.Text(job.Annotations), fault.Text(job.OwnerReferences)))
	}
	return fault.Lines(lines), nil
}
