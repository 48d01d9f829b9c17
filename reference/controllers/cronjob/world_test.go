package cronjob

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever happens, no start happens twice, nor ahead of its time, nor beside
// another where that is forbidden; and in the end the status tells the truth.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		cj := &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: "report"},
			Spec: batchv1.CronJobSpec{
				// The last start is at 01:57, so that there is an end of it.
				Schedule: rapid.SampledFrom([]string{"*/3 0-1 1 1 *", "* 0-1 1 1 *", "*/5 0-1 * jan sat"}).Draw(t, "schedule"),
				TimeZone: ptr.To("UTC"),
				ConcurrencyPolicy: rapid.SampledFrom([]batchv1.ConcurrencyPolicy{
					batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent}).Draw(t, "policy"),
				SuccessfulJobsHistoryLimit: ptr.To(rapid.Int32Range(0, 3).Draw(t, "successful")),
				FailedJobsHistoryLimit:     ptr.To(rapid.Int32Range(0, 2).Draw(t, "failed")),
			},
		}
		if rapid.Bool().Draw(t, "has a deadline") {
			// What is told of a missed start comes within two of these, and so before the world counts as at rest.
			cj.Spec.StartingDeadlineSeconds = ptr.To(rapid.Int64Range(0, 300).Draw(t, "deadline"))
		}
		return sim.Scenario{
			Controllers: map[string]sim.New{"cronjob": sim.Controller(New)},
			Objects:     []sim.Object{cj},
			Nodes:       -1,
			Actions: map[string]sim.Action{
				"jobs end":        jobsEnd,
				"job is deleted":  jobIsDeleted,
				"suspend":         suspend,
				"job by hand":     jobByHand,
				"a while goes by": func(*rapid.T) sim.Act { return func(w *sim.World) { w.Sleep(10 * time.Minute) } },
			},
			Invariants: map[string]sim.Invariant{"each start once": eachOnce(), "alone": alone},
			Settled:    settled,
		}
	})
}

func jobsEnd(t *rapid.T) sim.Act {
	how := rapid.SampledFrom([]batchv1.JobConditionType{batchv1.JobComplete, batchv1.JobFailed}).Draw(t, "how")
	return func(w *sim.World) {
		for _, job := range sim.List[*batchv1.Job](w) {
			if finished(job) != "" {
				continue
			}
			sim.UpdateStatus(w, job.Name, func(job *batchv1.Job) {
				job.Status.StartTime = ptr.To(job.CreationTimestamp)
				job.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue}}
				if how == batchv1.JobComplete {
					job.Status.CompletionTime = ptr.To(metav1.Now().Rfc3339Copy())
				}
			})
		}
	}
}

func jobIsDeleted(t *rapid.T) sim.Act {
	n := rapid.IntRange(0, 9).Draw(t, "which")
	return func(w *sim.World) {
		if jobs := sim.List[*batchv1.Job](w); len(jobs) > 0 {
			sim.Delete[*batchv1.Job](w, jobs[n%len(jobs)].Name)
		}
	}
}

func suspend(t *rapid.T) sim.Act {
	suspended := rapid.Bool().Draw(t, "suspended")
	return func(w *sim.World) {
		sim.Update(w, "report", func(cj *batchv1.CronJob) { cj.Spec.Suspend = &suspended })
	}
}

func jobByHand(*rapid.T) sim.Act {
	return func(w *sim.World) {
		cj, _ := sim.Get[*batchv1.CronJob](w, "report")
		w.Create(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Name: "by-hand", Annotations: map[string]string{instantiateAnnotation: "manual"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cj, kind)},
		}})
	}
}

// eachOnce checks that a Job is made for a time of the schedule that has come, is
// within the deadline, and was neither noted nor made and cleared away before.
func eachOnce() sim.Invariant {
	cleared := map[string]bool{}
	return func(w *sim.World, write sim.Write) error {
		if write.Actor != "cronjob" || write.Kind != "Job" {
			return nil
		}
		cj, _ := sim.Get[*batchv1.CronJob](w, "report")
		if write.Verb == "delete" {
			if cleared[write.Key.Name] = true; finished(write.Before.(*batchv1.Job)) == "" && cj.Spec.ConcurrencyPolicy != batchv1.ReplaceConcurrent {
				return fmt.Errorf("Job %s was deleted while it ran", write.Key.Name)
			}
			return nil
		}
		scheduled, _ := scheduledFor(cj, write.After.(*batchv1.Job))
		schedule, err := parse(&cj.Spec)
		switch {
		case err != nil:
			return err
		case scheduled.After(write.At) || !schedule.after(scheduled.Add(-time.Second)).Equal(scheduled):
			return fmt.Errorf("a Job for %s at %s", scheduled.UTC(), write.At.UTC())
		case cj.Status.LastScheduleTime != nil && !scheduled.After(cj.Status.LastScheduleTime.Time):
			return fmt.Errorf("a Job for %s, although the last noted is for %s", scheduled.UTC(), cj.Status.LastScheduleTime.UTC())
		case cleared[write.Key.Name]:
			return fmt.Errorf("Job %s was made again after it was cleared away", write.Key.Name)
		}
		// A request may be under way for half a minute.
		if d := cj.Spec.StartingDeadlineSeconds; d != nil && write.At.Sub(scheduled) > time.Duration(*d)*time.Second+time.Minute {
			return fmt.Errorf("a Job for %s at %s, the deadline is %d s", scheduled.UTC(), write.At.UTC(), *d)
		}
		return nil
	}
}

// alone checks that where Jobs may not run beside each other, none is made while
// another of the schedule runs.
func alone(w *sim.World, write sim.Write) error {
	cj, _ := sim.Get[*batchv1.CronJob](w, "report")
	if write.Actor != "cronjob" || write.Kind != "Job" || write.Verb != "create" || cj.Spec.ConcurrencyPolicy == batchv1.AllowConcurrent {
		return nil
	}
	for _, job := range sim.List[*batchv1.Job](w) {
		if _, ours := scheduledFor(cj, job); ours && job.Name != write.Key.Name && finished(job) == "" && job.DeletionTimestamp == nil {
			return fmt.Errorf("Job %s was made although %s runs, and the policy is %s", write.Key.Name, job.Name, cj.Spec.ConcurrencyPolicy)
		}
	}
	return nil
}

func settled(w *sim.World) error {
	cj, _ := sim.Get[*batchv1.CronJob](w, "report")
	var running, complete, failed int
	for _, job := range sim.List[*batchv1.Job](w) {
		scheduled, ours := scheduledFor(cj, job)
		switch finished(job) {
		case batchv1.JobComplete:
			complete++
			if cj.Status.LastSuccessfulTime.Before(job.Status.CompletionTime) {
				return fmt.Errorf("%s succeeded at %s, the last noted is %s", job.Name, job.Status.CompletionTime, cj.Status.LastSuccessfulTime)
			}
		case batchv1.JobFailed:
			failed++
		default:
			if isActive(&cj.Status, job) != ours {
				return fmt.Errorf("%s is active: %t", job.Name, !ours)
			}
			if ours {
				running++
			}
		}
		if ours && cj.Status.LastScheduleTime.Before(&metav1.Time{Time: scheduled}) {
			return fmt.Errorf("there is a Job for %s, the last noted is %s", scheduled.UTC(), cj.Status.LastScheduleTime)
		}
	}
	if len(cj.Status.Active) != running {
		return fmt.Errorf("%d are active, %d run", len(cj.Status.Active), running)
	}
	if complete > int(*cj.Spec.SuccessfulJobsHistoryLimit) || failed > int(*cj.Spec.FailedJobsHistoryLimit) {
		return fmt.Errorf("the history keeps %d that succeeded and %d that failed", complete, failed)
	}
	if last := cj.Status.LastScheduleTime; !ptr.Deref(cj.Spec.Suspend, false) && cj.Spec.StartingDeadlineSeconds == nil &&
		cj.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent && (last == nil || last.UTC().Hour() != 1) {
		return fmt.Errorf("the last start is noted as %s", last)
	}
	return nil
}
