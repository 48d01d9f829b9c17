package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	cronJobSpecDoc   = batchv1.CronJobSpec{}.SwaggerDoc()
	cronJobStatusDoc = batchv1.CronJobStatus{}.SwaggerDoc()
)

// CronJobs is the cronjobs resource.
var CronJobs = generic.Resource[*batchv1.CronJob]{
	GV: batchv1.SchemeGroupVersion, Plural: "cronjobs", Singular: "cronjob", Short: []string{"cj"}, Categories: []string{"all"},
	Object: &batchv1.CronJob{}, List: &batchv1.CronJobList{},
	Spec:           func(c *batchv1.CronJob) any { return &c.Spec },
	Status:         func(c *batchv1.CronJob) any { return &c.Status },
	Drop:           disabled.Of(func(c *batchv1.CronJob) *corev1.PodSpec { return &c.Spec.JobTemplate.Spec.Template.Spec }),
	Validate:       validation.CronJob,
	Warnings:       warnings.CronJobTemplate,
	ValidateUpdate: validation.CronJobUpdate,
	ValidateStatus: validation.CronJobStatusUpdate,
	Generation:     true,
	Columns: append(append([]generic.Column[*batchv1.CronJob]{
		generic.Name[*batchv1.CronJob](),
		{Name: "Schedule", Doc: cronJobSpecDoc["schedule"], Cell: func(c *batchv1.CronJob) any { return c.Spec.Schedule }},
		{Name: "Timezone", Doc: cronJobSpecDoc["timeZone"], Cell: func(c *batchv1.CronJob) any { return generic.Or(generic.Deref(c.Spec.TimeZone), generic.None) }},
		{Name: "Suspend", Type: "boolean", Doc: cronJobSpecDoc["suspend"], Cell: func(c *batchv1.CronJob) any {
			if c.Spec.Suspend == nil {
				return generic.Unset
			}
			return printBool(*c.Spec.Suspend)
		}},
		{Name: "Active", Type: generic.Integer, Doc: cronJobStatusDoc["active"], Cell: func(c *batchv1.CronJob) any { return int64(len(c.Status.Active)) }},
		{Name: "Last Schedule", Doc: cronJobStatusDoc["lastScheduleTime"], Cell: func(c *batchv1.CronJob) any {
			if c.Status.LastScheduleTime == nil {
				return generic.None
			}
			return generic.Since(*c.Status.LastScheduleTime)
		}},
		generic.Age[*batchv1.CronJob](),
	}, generic.Templated(func(c *batchv1.CronJob) *corev1.PodSpec { return &c.Spec.JobTemplate.Spec.Template.Spec })...), generic.Column[*batchv1.CronJob]{
		Name: "Selector", Wide: true, Doc: jobSpecDoc["selector"],
		Cell: func(c *batchv1.CronJob) any { return metav1.FormatLabelSelector(c.Spec.JobTemplate.Spec.Selector) },
	}),
}

// printBool writes booleans as kubectl shows them: with a capital.
func printBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
