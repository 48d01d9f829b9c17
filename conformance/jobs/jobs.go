// Package jobs judges the area "jobs".
//
// Most specs use pods that no node takes, and say themselves how each of them ends: what a Job makes of
// that is the controllers' doing alone, and can be judged to the last count.
package jobs

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// finalizer keeps a pod until its Job has counted it.
const finalizer = batchv1.JobTrackingFinalizer

// job describes a Job whose pods, labelled app=work, are made from pod and never restarted.
func job(pod *corev1.Pod, parallelism, completions int32) *batchv1.Job {
	template := Template("work", pod)
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "work"}, Spec: batchv1.JobSpec{
		Parallelism: &parallelism, Completions: &completions, Template: template,
	}}
}

// indexed makes the Job an Indexed one.
func indexed(job *batchv1.Job) *batchv1.Job {
	job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
	return job
}

// end says of a pod that no node takes that it has ended with the exit code.
func end(ctx context.Context, f *Framework, pod *corev1.Pod, code int) {
	GinkgoHelper()
	phase := corev1.PodSucceeded
	if code != 0 {
		phase = corev1.PodFailed
	}
	now := time.Now().UTC().Format(time.RFC3339)
	patch := fmt.Sprintf(`{"status":{"phase":%q,"containerStatuses":[{"name":"main","image":"x","imageID":"x","ready":false,"restartCount":0,
		"state":{"terminated":{"exitCode":%d,"reason":"Told","startedAt":%q,"finishedAt":%q}}}]}}`, phase, code, now, now)
	if err := f.TryPatch(ctx, pod.DeepCopy(), types.StrategicMergePatchType, patch, "status"); err != nil {
		Fail(fmt.Sprintf("could not say that pod %s has ended: %v", pod.Name, err))
	}
}

// is says whether the Job has the condition.
func is(job *batchv1.Job, kind batchv1.JobConditionType) bool {
	return condition(job, kind).Status == corev1.ConditionTrue
}

func condition(job *batchv1.Job, kind batchv1.JobConditionType) batchv1.JobCondition {
	for _, c := range job.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return batchv1.JobCondition{}
}

// one turns what is asked of a Job into what is asked of a history in which there is only that.
func one(so func(*batchv1.Job) bool) func([]*batchv1.Job) bool {
	return func(now []*batchv1.Job) bool { return len(now) == 1 && so(now[0]) }
}

// with says that the Job has the condition.
func with(kind batchv1.JobConditionType) func([]*batchv1.Job) bool {
	return one(func(job *batchv1.Job) bool { return is(job, kind) })
}

// active says that so many pods are active; others may have ended.
func active(n int) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool { return len(Where(now, Active)) == n }
}

// atMost is the invariant that no more pods are active at a time.
func atMost(n int) func([]*corev1.Pod) string {
	return func(now []*corev1.Pod) string {
		if running := Where(now, Active); len(running) > n {
			return fmt.Sprintf("%d pods are active, more than %d: %v", len(running), n, Names(running))
		}
		return ""
	}
}

// index is the completion index of a pod.
func index(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }

// ofIndex returns the active pod of an index, nil if there is none.
func ofIndex(pods []*corev1.Pod, i string) *corev1.Pod {
	for _, pod := range pods {
		if Active(pod) && index(pod) == i {
			return pod
		}
	}
	return nil
}

// indexesAre says that there is one active pod for each of these indexes, and no other.
func indexesAre(want ...string) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		for _, i := range want {
			if ofIndex(now, i) == nil {
				return false
			}
		}
		return len(Where(now, Active)) == len(want)
	}
}
