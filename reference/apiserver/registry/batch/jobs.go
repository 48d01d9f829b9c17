// Package batch declares the resources of the batch group, v1.
package batch

import (
	"context"
	"fmt"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	jobSpecDoc   = batchv1.JobSpec{}.SwaggerDoc()
	jobStatusDoc = batchv1.JobStatus{}.SwaggerDoc()
)

// Jobs is the jobs resource.
var Jobs = generic.Resource[*batchv1.Job]{
	GV: batchv1.SchemeGroupVersion, Plural: "jobs", Singular: "job", Categories: []string{"all"},
	Object: &batchv1.Job{}, List: &batchv1.JobList{},
	Spec:           func(j *batchv1.Job) any { return &j.Spec },
	Status:         func(j *batchv1.Job) any { return &j.Status },
	PrepareCreate:  func(_ context.Context, j *batchv1.Job) { selectOwnPods(j) },
	Drop:           disabled.Of(func(j *batchv1.Job) *corev1.PodSpec { return &j.Spec.Template.Spec }),
	Validate:       validation.Job,
	Warnings:       warnings.Job,
	ValidateUpdate: validation.JobUpdate,
	ValidateStatus: validation.JobStatusUpdate,
	Generation:     true,
	// As ever: the pods of a job, and their logs, stay unless the request asks otherwise.
	Propagation: func(context.Context) rest.GarbageCollectionPolicy { return rest.OrphanDependents },
	Fields: func(j *batchv1.Job) fields.Set {
		return fields.Set{"status.successful": strconv.Itoa(int(j.Status.Succeeded))}
	},
	Columns: append(append([]generic.Column[*batchv1.Job]{
		generic.Name[*batchv1.Job](),
		{Name: "Status", Doc: "Status of the job.", Cell: func(j *batchv1.Job) any { return jobStatus(j) }},
		{Name: "Completions", Doc: jobStatusDoc["succeeded"], Cell: func(j *batchv1.Job) any { return completions(j) }},
		{Name: "Duration", Doc: "Time required to complete the job.", Cell: func(j *batchv1.Job) any { return jobDuration(j) }},
		generic.Age[*batchv1.Job](),
	}, generic.Templated(func(j *batchv1.Job) *corev1.PodSpec { return &j.Spec.Template.Spec })...), generic.Column[*batchv1.Job]{
		Name: "Selector", Wide: true, Doc: jobSpecDoc["selector"],
		Cell: func(j *batchv1.Job) any { return metav1.FormatLabelSelector(j.Spec.Selector) },
	}),
}

// Labels of a job's pods from before labels had prefixes; clients still select by them.
const (
	oldControllerUIDLabel = "controller-uid"
	oldJobNameLabel       = "job-name"
)

// selectOwnPods makes the job select its own pods by its UID, unless the user takes care of that.
func selectOwnPods(j *batchv1.Job) {
	if generic.Deref(j.Spec.ManualSelector) {
		return
	}
	uid := string(j.UID)
	labels := j.Spec.Template.Labels
	if labels == nil {
		labels = map[string]string{}
		j.Spec.Template.Labels = labels
	}
	for label, value := range map[string]string{
		batchv1.ControllerUidLabel: uid, oldControllerUIDLabel: uid, batchv1.JobNameLabel: j.Name, oldJobNameLabel: j.Name,
	} {
		if _, set := labels[label]; !set { // a wrong value is validation's to refuse
			labels[label] = value
		}
	}
	if j.Spec.Selector == nil {
		j.Spec.Selector = &metav1.LabelSelector{}
	}
	if j.Spec.Selector.MatchLabels == nil {
		j.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, set := j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !set {
		j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = uid
	}
}

func jobStatus(j *batchv1.Job) string {
	has := func(t batchv1.JobConditionType) bool {
		for _, c := range j.Status.Conditions {
			if c.Type == t {
				return c.Status == corev1.ConditionTrue
			}
		}
		return false
	}
	switch {
	case has(batchv1.JobComplete):
		return "Complete"
	case has(batchv1.JobFailed):
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case has(batchv1.JobSuspended):
		return "Suspended"
	case has(batchv1.JobFailureTarget):
		return "FailureTarget"
	case has(batchv1.JobSuccessCriteriaMet):
		return "SuccessCriteriaMet"
	default:
		return "Running"
	}
}

func completions(j *batchv1.Job) string {
	if j.Spec.Completions != nil {
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	}
	if parallelism := generic.Deref(j.Spec.Parallelism); parallelism > 1 {
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, parallelism)
	}
	return fmt.Sprintf("%d/1", j.Status.Succeeded)
}

func jobDuration(j *batchv1.Job) string {
	switch {
	case j.Status.StartTime == nil:
		return ""
	case j.Status.CompletionTime == nil:
		return duration.HumanDuration(time.Since(j.Status.StartTime.Time))
	default:
		return duration.HumanDuration(j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
	}
}
