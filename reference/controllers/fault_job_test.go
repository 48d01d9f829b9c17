package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// Of each scenario the outcome has one line for each pod that was ever made, and
// jobOfFault checks the counters against them: no pod is lost, none counts twice.
func jobFaults() []fault.Scenario {
	start := runs("job-controller")
	indexed := func(j *batchv1.Job) { j.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion) }
	index := func(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }
	return []fault.Scenario{
		{
			Name: "job-retries", Start: start, Outcome: jobOfFault, Throughout: unfinished(1),
			Status: ending(func(n int, _ *corev1.Pod) int32 {
				if n == 0 || n == 2 {
					return 1
				}
				return 0
			}),
			Steps: []fault.Step{{Name: "create", Do: createJob(2, 1), Until: jobEnded(batchv1.JobComplete)}},
		},
		{
			Name: "job-indexed", Start: start, Outcome: jobOfFault, Throughout: unfinished(2),
			Status: ending(func(_ int, pod *corev1.Pod) int32 {
				if index(pod) == "1" {
					return 1
				}
				return 0
			}),
			Steps: []fault.Step{{Name: "create", Do: createJob(3, 2, indexed, func(j *batchv1.Job) {
				j.Spec.BackoffLimitPerIndex = ptr.To[int32](1)
			}), Until: jobEnded(batchv1.JobFailed)}},
		},
		{
			Name: "job-suspended", Start: start, Outcome: jobOfFault, Throughout: unfinished(2), Status: ending(whenTold),
			Steps: []fault.Step{
				{Name: "create", Do: createJob(2, 2, func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }), Until: jobSuspended},
				{Name: "resume", Do: suspendJob(false), Until: jobRuns(2)},
				{Name: "suspend", Do: suspendJob(true), Until: jobSuspended},
				{Name: "resume again", Do: suspendJob(false), Until: jobRuns(2)},
				{Name: "finish", Do: tellPods, Until: jobEnded(batchv1.JobComplete)},
			},
		},
		{
			Name: "job-success-policy", Start: start, Outcome: jobOfFault, Throughout: unfinished(3),
			Status: ending(func(n int, pod *corev1.Pod) int32 {
				if index(pod) != "1" {
					return -1
				}
				return whenTold(n, pod)
			}),
			Steps: []fault.Step{
				{Name: "create", Do: createJob(3, 3, indexed, func(j *batchv1.Job) {
					j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("1")}}}
				}), Until: jobRuns(3)},
				{Name: "finish one", Do: tellPods, Until: jobEnded(batchv1.JobComplete)},
			},
		},
		{
			Name: "job-ttl", Start: runs("job-controller", "ttl-after-finished-controller", "garbage-collector-controller"),
			Outcome: jobOfFault, Status: ending(func(int, *corev1.Pod) int32 { return 0 }),
			Steps: []fault.Step{{Name: "create", Do: createJob(1, 1, func(j *batchv1.Job) { j.Spec.TTLSecondsAfterFinished = new(int32) }), Until: jobGone}},
		},
	}
}

// longAgo is when the containers say that they ended, so that no retry has to wait.
var longAgo = metav1.NewTime(time.Now().Add(-time.Hour))

// ending ends pods as code says, which is told how many of the namespace's pods
// it has been asked about before; a pod of a negative code runs on.
func ending(code func(n int, pod *corev1.Pod) int32) func(*corev1.Pod) {
	var mu sync.Mutex
	number, asked := map[types.UID]int{}, map[string]int{}
	return func(pod *corev1.Pod) {
		if pod.Status.Phase != corev1.PodRunning {
			controllertest.RunningAndReady(pod)
			return
		}
		mu.Lock()
		n, known := number[pod.UID]
		if !known {
			n = asked[pod.Namespace]
			number[pod.UID], asked[pod.Namespace] = n, n+1
		}
		mu.Unlock()
		ended := code(n, pod)
		if ended < 0 {
			return
		}
		pod.Status.Phase, pod.Status.Conditions = corev1.PodSucceeded, nil
		if ended > 0 {
			pod.Status.Phase = corev1.PodFailed
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: ended, FinishedAt: longAgo},
		}}}
	}
}

// whenTold lets pods succeed once they have the annotation of tellPods.
func whenTold(_ int, pod *corev1.Pod) int32 {
	if pod.Annotations["faults"] == "finish" {
		return 0
	}
	return -1
}

func tellPods(ctx context.Context, r *fault.Round) error {
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		_, err := r.Client.CoreV1().Pods(r.Namespace).Patch(ctx, pod.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"faults":"finish"}}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func createJob(completions, parallelism int32, changes ...func(*batchv1.Job)) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		_, err := r.Client.BatchV1().Jobs(r.Namespace).Create(ctx, newJob(r.Namespace, "web", completions, parallelism, changes...), metav1.CreateOptions{})
		return err
	}
}

func suspendJob(suspend bool) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		_, err := r.Client.BatchV1().Jobs(r.Namespace).Patch(ctx, "web", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"suspend":%t}}`, suspend), metav1.PatchOptions{})
		return err
	}
}

// jobIs waits until the Job web is as wanted.
func jobIs(wanted func(batchv1.JobStatus) bool) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		job, err := r.Client.BatchV1().Jobs(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && !wanted(job.Status) {
			err = fmt.Errorf("status %s", fault.Text(job.Status))
		}
		return err
	}
}

func hasCondition(s batchv1.JobStatus, kind batchv1.JobConditionType) bool {
	for _, condition := range s.Conditions {
		if condition.Type == kind && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func jobEnded(as batchv1.JobConditionType) func(ctx context.Context, r *fault.Round) error {
	return jobIs(func(s batchv1.JobStatus) bool { return hasCondition(s, as) })
}

// jobRuns waits until so many pods are ready and none is on its way out.
func jobRuns(count int32) func(ctx context.Context, r *fault.Round) error {
	return jobIs(func(s batchv1.JobStatus) bool {
		return s.Active == count && ptr.Deref(s.Ready, 0) == count && ptr.Deref(s.Terminating, 0) == 0 && !hasCondition(s, batchv1.JobSuspended)
	})
}

func jobSuspended(ctx context.Context, r *fault.Round) error {
	return jobIs(func(s batchv1.JobStatus) bool {
		return hasCondition(s, batchv1.JobSuspended) && s.Active == 0 && ptr.Deref(s.Terminating, 0) == 0
	})(ctx, r)
}

func jobGone(ctx context.Context, r *fault.Round) error {
	if _, err := r.Client.BatchV1().Jobs(r.Namespace).Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("the Job is still there: %v", err)
	}
	return nil
}

// jobOfFault tells of the Jobs and their pods. An error says that some pod is not
// counted, or not once.
func jobOfFault(ctx context.Context, r *fault.Round) (string, error) {
	jobs, err := r.Client.BatchV1().Jobs(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var lines []string
	ended := map[corev1.PodPhase]int32{}
	for _, pod := range pods.Items {
		ended[pod.Status.Phase]++
		lines = append(lines, fmt.Sprint("pod ", pod.Annotations[batchv1.JobCompletionIndexAnnotation], " ", pod.Status.Phase, pod.Finalizers, pod.DeletionTimestamp != nil))
	}
	for _, job := range jobs.Items {
		s := job.Status
		if s.Succeeded != ended[corev1.PodSucceeded] {
			return "", fmt.Errorf("%d pods have succeeded, the status is %s\n%s", ended[corev1.PodSucceeded], fault.Text(s), strings.Join(lines, "\n"))
		}
		// Those that a Job stops are gone, and have failed if it has.
		if s.Failed < ended[corev1.PodFailed] {
			return "", fmt.Errorf("%d pods have failed, the status is %s\n%s", ended[corev1.PodFailed], fault.Text(s), strings.Join(lines, "\n"))
		}
		lines = append(lines, fault.Text(s))
	}
	return fault.Lines(lines), nil
}

// unfinished checks that there are never more pods at work, but for one whose
// creation was forgotten in a crash.
func unfinished(most int) func() func(pods []*corev1.Pod) error {
	return func() func(pods []*corev1.Pod) error {
		return func(pods []*corev1.Pod) error {
			live := 0
			for _, pod := range pods {
				if pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
					live++
				}
			}
			if live > most+1 {
				return fmt.Errorf("%d pods are at work, at most %d may be", live, most)
			}
			return nil
		}
	}
}
