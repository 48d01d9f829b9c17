package batch

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestSelectOwnPods(t *testing.T) {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "j", UID: "u"}}
	selectOwnPods(j)
	for label, want := range map[string]string{
		"batch.kubernetes.io/controller-uid": "u", "controller-uid": "u", "batch.kubernetes.io/job-name": "j", "job-name": "j",
	} {
		if got := j.Spec.Template.Labels[label]; got != want {
			t.Errorf("label %s: %q, want %q", label, got, want)
		}
	}
	if got := metav1.FormatLabelSelector(j.Spec.Selector); got != "batch.kubernetes.io/controller-uid=u" {
		t.Errorf("selector %s", got)
	}

	manual := &batchv1.Job{Spec: batchv1.JobSpec{ManualSelector: ptr.To(true)}}
	selectOwnPods(manual)
	if manual.Spec.Selector != nil || manual.Spec.Template.Labels != nil {
		t.Errorf("a manual selector was touched: %+v", manual.Spec)
	}
}

func TestJobCells(t *testing.T) {
	started := metav1.NewTime(time.Now().Add(-time.Hour))
	done := metav1.NewTime(started.Add(42 * time.Second))
	with := func(types ...batchv1.JobConditionType) batchv1.JobStatus {
		s := batchv1.JobStatus{StartTime: &started, CompletionTime: &done, Succeeded: 2}
		for _, c := range types {
			s.Conditions = append(s.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue})
		}
		return s
	}
	for _, c := range []struct {
		job                           batchv1.Job
		status, completions, duration string
	}{
		{batchv1.Job{}, "Running", "0/1", ""},
		{batchv1.Job{Spec: batchv1.JobSpec{Completions: ptr.To[int32](3)}, Status: with(batchv1.JobComplete)}, "Complete", "2/3", "42s"},
		{batchv1.Job{Spec: batchv1.JobSpec{Parallelism: ptr.To[int32](4)}, Status: with(batchv1.JobFailureTarget, batchv1.JobFailed)}, "Failed", "2/1 of 4", "42s"},
		{batchv1.Job{Status: with(batchv1.JobSuspended)}, "Suspended", "2/1", "42s"},
	} {
		if s, n, d := jobStatus(&c.job), completions(&c.job), jobDuration(&c.job); s != c.status || n != c.completions || d != c.duration {
			t.Errorf("got %s %s %s, want %s %s %s", s, n, d, c.status, c.completions, c.duration)
		}
	}
}
