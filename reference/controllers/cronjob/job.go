package cronjob

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kind is what the controller owns Jobs as.
var kind = batchv1.SchemeGroupVersion.WithKind("CronJob")

// instantiateAnnotation marks the Jobs that users make from the template.
const instantiateAnnotation = "cronjob.kubernetes.io/instantiate"

// jobName is the name of the Job that the CronJob starts at that time.
func jobName(cj *batchv1.CronJob, scheduled time.Time) string {
	return fmt.Sprintf("%s-%d", cj.Name, scheduled.Unix()/60)
}

// newJob is the Job that the CronJob starts at that time.
func newJob(cj *batchv1.CronJob, scheduled time.Time) *batchv1.Job {
	template := cj.Spec.JobTemplate.DeepCopy()
	annotations := maps.Clone(template.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	zone := time.UTC
	if cj.Spec.TimeZone != nil {
		if found, err := time.LoadLocation(*cj.Spec.TimeZone); err == nil {
			zone = found
		}
	}
	annotations[batchv1.CronJobScheduledTimestampAnnotation] = scheduled.In(zone).Format(time.RFC3339)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       cj.Namespace,
			Name:            jobName(cj, scheduled),
			Labels:          template.Labels,
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cj, kind)},
		},
		Spec: template.Spec,
	}
}

// scheduledFor returns the time that the controller made the Job for; not ok if
// somebody else made it.
func scheduledFor(cj *batchv1.CronJob, job *batchv1.Job) (scheduled time.Time, ok bool) {
	suffix, ok := strings.CutPrefix(job.Name, cj.Name+"-")
	if _, manual := job.Annotations[instantiateAnnotation]; !ok || manual {
		return time.Time{}, false
	}
	minutes, err := strconv.ParseInt(suffix, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	noted, err := time.Parse(time.RFC3339, job.Annotations[batchv1.CronJobScheduledTimestampAnnotation])
	if err == nil && noted.Unix()/60 == minutes {
		return noted, true
	}
	return time.Unix(minutes*60, 0), true // made before there was the annotation
}

// finished returns the type of the condition by which the Job has ended, empty
// while it has not.
func finished(job *batchv1.Job) batchv1.JobConditionType {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.Type
		}
	}
	return ""
}

// reference is how status.active names a Job.
func reference(job *batchv1.Job) corev1.ObjectReference {
	return corev1.ObjectReference{
		Kind: "Job", APIVersion: batchv1.SchemeGroupVersion.String(),
		Namespace: job.Namespace, Name: job.Name, UID: job.UID, ResourceVersion: job.ResourceVersion,
	}
}
