package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

// newJob is a Job of so many completions, as a user would write it.
func newJob(namespace, name string, completions, parallelism int32, changes ...func(*batchv1.Job)) *batchv1.Job {
	pod := template(name)
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       batchv1.JobSpec{Completions: &completions, Parallelism: &parallelism, Template: pod},
	}
	for _, change := range changes {
		change(job)
	}
	return job
}

// finishPods ends each pod of the namespace as code says, which is asked once for each; a negative code lets it run.
func (c *cluster) finishPods(t *testing.T, namespace string, code func(pod *corev1.Pod) int32) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		asked := map[types.UID]bool{}
		for ctx.Err() == nil {
			pods, err := c.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
			if err != nil {
				continue
			}
			for event := range pods.ResultChan() {
				pod, ok := event.Object.(*corev1.Pod)
				if !ok || event.Type == watch.Deleted || pod.Status.Phase != corev1.PodRunning || asked[pod.UID] {
					continue
				}
				asked[pod.UID] = true
				if ended := code(pod); ended >= 0 {
					c.finish(ctx, pod, ended)
				}
			}
		}
	}()
}

// finish ends the pod's container with that code.
func (c *cluster) finish(ctx context.Context, pod *corev1.Pod, code int32) {
	pod = pod.DeepCopy()
	pod.ResourceVersion = "" // whatever else has changed
	pod.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		pod.Status.Phase = corev1.PodFailed
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.Now()},
	}}}
	_, _ = c.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
}

// outcome is what the Job's status says, but for times.
func jobOutcome(job *batchv1.Job) string {
	var b strings.Builder
	for _, condition := range job.Status.Conditions {
		fmt.Fprintf(&b, "%s=%s(%s) ", condition.Type, condition.Status, condition.Reason)
	}
	s := job.Status
	fmt.Fprintf(&b, "%d active %d ready %d terminating %d succeeded %d failed", s.Active, ptr.Deref(s.Ready, -1), ptr.Deref(s.Terminating, -1), s.Succeeded, s.Failed)
	if s.CompletedIndexes != "" || s.FailedIndexes != nil {
		fmt.Fprintf(&b, " %q done %q not", s.CompletedIndexes, ptr.Deref(s.FailedIndexes, ""))
	}
	return b.String()
}

func TestJobs(t *testing.T) {
	c := start(t)
	indexOf := func(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }
	indexed := func(j *batchv1.Job) { j.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion) }
	for name, test := range map[string]struct {
		job    func(*batchv1.Job)
		code   func(pod *corev1.Pod) int32
		want   string
		events []string
	}{
		"all-succeed": {
			func(*batchv1.Job) {}, func(*corev1.Pod) int32 { return 0 },
			"SuccessCriteriaMet=True(CompletionsReached) Complete=True(CompletionsReached) 0 active 0 ready 0 terminating 4 succeeded 0 failed",
			[]string{"Normal Completed Job completed", "Normal SuccessfulCreate Created pod: "},
		},
		"indexed": {
			indexed, func(*corev1.Pod) int32 { return 0 },
			`SuccessCriteriaMet=True(CompletionsReached) Complete=True(CompletionsReached) 0 active 0 ready 0 terminating 4 succeeded 0 failed "0-3" done "" not`,
			[]string{"Normal Completed Job completed", "Normal SuccessfulCreate Created pod: "},
		},
		"back-off-limit": {
			func(j *batchv1.Job) { j.Spec.BackoffLimit, j.Spec.Parallelism = ptr.To[int32](0), ptr.To[int32](1) }, func(*corev1.Pod) int32 { return 1 },
			"FailureTarget=True(BackoffLimitExceeded) Failed=True(BackoffLimitExceeded) 0 active 0 ready 0 terminating 0 succeeded 1 failed",
			[]string{"Normal SuccessfulCreate Created pod: ", "Warning BackoffLimitExceeded Job has reached the specified backoff limit"},
		},
		"failed-indexes": {
			func(j *batchv1.Job) {
				indexed(j)
				j.Spec.BackoffLimitPerIndex, j.Spec.Parallelism = ptr.To[int32](0), ptr.To[int32](4)
			},
			func(pod *corev1.Pod) int32 {
				if indexOf(pod) == "2" {
					return 1
				}
				return 0
			},
			`FailureTarget=True(FailedIndexes) Failed=True(FailedIndexes) 0 active 0 ready 0 terminating 3 succeeded 1 failed "0,1,3" done "2" not`,
			[]string{"Normal SuccessfulCreate Created pod: ", "Warning FailedIndexes Job has failed indexes"},
		},
		"success-policy": {
			func(j *batchv1.Job) {
				indexed(j)
				j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("1")}}}
			},
			func(pod *corev1.Pod) int32 {
				if indexOf(pod) == "1" {
					return 0
				}
				return -1
			},
			`SuccessCriteriaMet=True(SuccessPolicy) Complete=True(SuccessPolicy) 0 active 0 ready 0 terminating 1 succeeded 0 failed "1" done "" not`,
			[]string{"Normal Completed Job completed", "Normal SuccessfulCreate Created pod: ", "Normal SuccessfulDelete Deleted pod: "},
		},
		"fail-job": {
			func(j *batchv1.Job) {
				indexed(j)
				j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
					Action:      batchv1.PodFailurePolicyActionFailJob,
					OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{42}},
				}}}
			},
			func(pod *corev1.Pod) int32 {
				if indexOf(pod) == "1" {
					return 42
				}
				return -1
			},
			`FailureTarget=True(PodFailurePolicy) Failed=True(PodFailurePolicy) 0 active 0 ready 0 terminating 0 succeeded 2 failed`,
			[]string{"Normal SuccessfulCreate Created pod: ", "Normal SuccessfulDelete Deleted pod: ", "Warning PodFailurePolicy Container c for pod "},
		},
		"deadline": {
			func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = ptr.To[int64](1) }, func(*corev1.Pod) int32 { return -1 },
			`FailureTarget=True(DeadlineExceeded) Failed=True(DeadlineExceeded) 0 active 0 ready 0 terminating 0 succeeded 2 failed`,
			[]string{"Normal SuccessfulCreate Created pod: ", "Normal SuccessfulDelete Deleted pod: ", "Warning DeadlineExceeded Job was active longer than specified deadline"},
		},
		"nothing-to-do-suspended": {
			func(j *batchv1.Job) { j.Spec.Completions, j.Spec.Suspend = ptr.To[int32](0), ptr.To(true) }, func(*corev1.Pod) int32 { return 0 },
			"SuccessCriteriaMet=True(CompletionsReached) Complete=True(CompletionsReached) 0 active 0 ready 0 terminating 0 succeeded 0 failed",
			[]string{"Normal Completed Job completed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := c.namespace(t, name)
			c.finishPods(t, namespace, test.code)
			_, err := c.BatchV1().Jobs(namespace).Create(t.Context(), newJob(namespace, "work", 4, 2, test.job), metav1.CreateOptions{})
			must(t, err)
			until(t, "the Job's end", func(ctx context.Context) error {
				job, err := c.BatchV1().Jobs(namespace).Get(ctx, "work", metav1.GetOptions{})
				if err == nil && jobOutcome(job) != test.want {
					err = fmt.Errorf("%s\nwant %s", jobOutcome(job), test.want)
				}
				return err
			})
			until(t, "its events", func(ctx context.Context) error { return c.sawEvents(ctx, namespace, "work", test.events) })
			pods, err := c.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
			must(t, err)
			for _, pod := range pods.Items {
				if len(pod.Finalizers) > 0 {
					t.Errorf("pod %s still has %v", pod.Name, pod.Finalizers)
				}
			}
		})
	}
}

// sawEvents compares the events about the Job, by their beginnings, each told once.
func (c *cluster) sawEvents(ctx context.Context, namespace, name string, want []string) error {
	events, err := c.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Job,involvedObject.name=" + name})
	if err != nil {
		return err
	}
	var got []string
	for _, event := range events.Items {
		text := strings.Join([]string{event.Type, event.Reason, event.Message}, " ")
		known := func(w string) bool { return strings.HasPrefix(text, w) }
		if i := slices.IndexFunc(want, known); i >= 0 {
			text = want[i]
		}
		got = append(got, text)
	}
	slices.Sort(got)
	got = slices.Compact(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("events %q, want %q", got, want)
	}
	return nil
}
