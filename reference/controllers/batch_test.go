package controllers_test

import (
	"context"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// cronJobRuns sees the CronJob start a Job and, once that is told to have ended,
// note it.
func cronJobRuns(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	pod := template("tick")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	made, err := c.BatchV1().CronJobs(ns).Create(ctx, &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Name: "tick"},
		Spec: batchv1.CronJobSpec{
			Schedule: "@every 1s", ConcurrencyPolicy: batchv1.ForbidConcurrent,
			// Nobody but this test says when the Jobs have ended.
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{ManagedBy: new("etalon.dev/test"), Template: pod}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	var name string
	until(t, "an active Job", func(ctx context.Context) error {
		cj, err := c.BatchV1().CronJobs(ns).Get(ctx, "tick", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(cj.Status.Active) != 1 || cj.Status.LastScheduleTime == nil {
			return fmt.Errorf("status %+v", cj.Status)
		}
		name = cj.Status.Active[0].Name
		return nil
	})
	job, err := c.BatchV1().Jobs(ns).Get(ctx, name, metav1.GetOptions{})
	must(t, err)
	if !metav1.IsControlledBy(job, made) || job.Annotations[batchv1.CronJobScheduledTimestampAnnotation] == "" {
		t.Errorf("Job %s is owned by %+v and annotated %v", name, job.OwnerReferences, job.Annotations)
	}
	now := metav1.Now().Rfc3339Copy()
	job.Status = ended(now)
	_, err = c.BatchV1().Jobs(ns).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	must(t, err)
	until(t, "the end of the Job to be noted", func(ctx context.Context) error {
		cj, err := c.BatchV1().CronJobs(ns).Get(ctx, "tick", metav1.GetOptions{})
		if err == nil && !cj.Status.LastSuccessfulTime.Equal(&now) {
			err = fmt.Errorf("status %+v", cj.Status)
		}
		return err
	})
	_, err = c.BatchV1().CronJobs(ns).Patch(ctx, "tick", types.MergePatchType, []byte(`{"spec":{"suspend":true}}`), metav1.PatchOptions{})
	must(t, err)
	for _, reason := range []string{"SuccessfulCreate", "SawCompletedJob"} {
		until(t, "the event "+reason, func(ctx context.Context) error { return c.hasEvent(ctx, ns, "cronjob-controller", reason) })
	}
}

// jobExpires sees the Job go once its time to live is over.
func jobExpires(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	pod := template("once")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	job, err := c.BatchV1().Jobs(ns).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "once"},
		Spec:       batchv1.JobSpec{ManagedBy: new("etalon.dev/test"), TTLSecondsAfterFinished: new(int32(1)), Template: pod},
	}, metav1.CreateOptions{})
	must(t, err)
	job.Status = ended(metav1.Now().Rfc3339Copy())
	_, err = c.BatchV1().Jobs(ns).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	must(t, err)
	until(t, "the Job to go", func(ctx context.Context) error {
		_, err := c.BatchV1().Jobs(ns).Get(ctx, "once", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there (%v)", err)
		}
		return nil
	})
}

// ended is the status of a Job that succeeded then.
func ended(at metav1.Time) batchv1.JobStatus {
	return batchv1.JobStatus{StartTime: &at, CompletionTime: &at, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue, LastTransitionTime: at},
		{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: at},
	}}
}
