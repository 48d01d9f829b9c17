// Package cronjobs judges the area "cronjobs".
//
// Schedules know no unit below the minute, so most specs watch one or two minutes go by. Their Jobs are of
// pods that no node takes: they are active until the spec says that they have ended.
package cronjobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// everyMinute is the schedule with the least to wait for.
const everyMinute = "*/1 * * * *"

// cronJob describes a CronJob whose Jobs and pods are labelled app=name, each Job of one pod that no node takes.
func cronJob(name, schedule string) *batchv1.CronJob {
	template := Template(name, Idle())
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.CronJobSpec{
		Schedule: schedule,
		JobTemplate: batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
			Spec:       batchv1.JobSpec{Template: template},
		},
	}}
}

// byHand describes a Job of the CronJob's template, as `kubectl create job --from` makes it.
func byHand(cron *batchv1.CronJob, name string) *batchv1.Job {
	template := cron.Spec.JobTemplate.DeepCopy()
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: template.Labels, Annotations: map[string]string{"cronjob.kubernetes.io/instantiate": "manual"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: cron.Name, UID: cron.UID, Controller: ptr.To(true)}},
		},
		Spec: template.Spec,
	}
}

// scheduled reads the time that the Job was made for.
func scheduled(job *batchv1.Job) time.Time {
	GinkgoHelper()
	at, err := time.Parse(time.RFC3339, job.Annotations[batchv1.CronJobScheduledTimestampAnnotation])
	Expect(err).NotTo(HaveOccurred(), "the annotation %s of Job %s", batchv1.CronJobScheduledTimestampAnnotation, job.Name)
	return at
}

// stays says of a Job that it is not to be deleted.
func stays(job *batchv1.Job) bool { return job.DeletionTimestamp == nil }

// jobs says that there are exactly so many Jobs, none of them going.
func jobs(n int) func([]*batchv1.Job) bool {
	return func(now []*batchv1.Job) bool { return len(now) == n && len(Where(now, stays)) == n }
}

// others returns the Jobs that are not this one.
func others(now []*batchv1.Job, job *batchv1.Job) []*batchv1.Job {
	return Where(now, func(j *batchv1.Job) bool { return j.UID != job.UID })
}

// finished says that the Job is Complete or Failed.
func finished(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// names lists the Jobs that are there, as "a b".
func names(now []*batchv1.Job) string { return strings.Join(Names(Where(now, stays)), " ") }

// succeed says of the Job's pod that it has done its work.
func succeed(ctx context.Context, f *Framework, pods *Observer[*corev1.Pod], job *batchv1.Job) {
	GinkgoHelper()
	of := func(pod *corev1.Pod) bool { return OwnedBy(pod, job) && Active(pod) }
	pod := Where(pods.MustReach(ctx, "Job "+job.Name+" has its pod", Exactly(1, of)), of)[0]
	now := time.Now().UTC().Format(time.RFC3339)
	patch := fmt.Sprintf(`{"status":{"phase":"Succeeded","containerStatuses":[{"name":"main","image":"x","imageID":"x","ready":false,"restartCount":0,
		"state":{"terminated":{"exitCode":0,"reason":"Told","startedAt":%q,"finishedAt":%q}}}]}}`, now, now)
	if err := f.TryPatch(ctx, pod, types.StrategicMergePatchType, patch, "status"); err != nil {
		Fail(fmt.Sprintf("could not say that pod %s has ended: %v", pod.Name, err))
	}
}

// until waits for a moment of the clock, which cluster and suite share.
func until(ctx context.Context, f *Framework, moment time.Time) {
	GinkgoHelper()
	f.WaitUntil(ctx, "it is "+moment.Format(time.TimeOnly), 2*time.Minute, func(context.Context) (bool, string) {
		now := time.Now()
		return !now.Before(moment), now.Format(time.TimeOnly)
	})
}

// minuteAfter is the first whole minute after t.
func minuteAfter(t time.Time) time.Time { return t.Truncate(time.Minute).Add(time.Minute) }
