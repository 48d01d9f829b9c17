package jobs

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("failures", func() {
	f := New()

	f.It("jobs/retries-with-new-pods", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		f.Create(ctx, job(Idle(), 1, 1))
		failed := pods.MustReach(ctx, "the first pod is made", active(1))[0]
		ended := time.Now()
		end(ctx, f, failed, 1)
		jobs.MustReach(ctx, "the failure is counted", one(func(j *batchv1.Job) bool { return j.Status.Failed == 1 }))
		second := pods.MustReach(ctx, "another pod is made", func(now []*corev1.Pod) bool { return len(now) == 2 && active(1)(now) })
		// 10 s from the pod's end, whose time is cut to the second.
		Expect(pods.ReachedAt().Sub(ended)).To(BeNumerically(">=", 9*time.Second), "pause before the first retry")
		ended = time.Now()
		end(ctx, f, Where(second, Active)[0], 1)
		jobs.MustReach(ctx, "the second failure is counted", one(func(j *batchv1.Job) bool { return j.Status.Failed == 2 }))
		third := pods.MustReach(ctx, "a third pod is made", func(now []*corev1.Pod) bool { return len(now) == 3 && active(1)(now) })
		Expect(pods.ReachedAt().Sub(ended)).To(BeNumerically(">=", 19*time.Second), "pause before the second retry, twice as long")
		end(ctx, f, Where(third, Active)[0], 0)
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect([]int32{done.Status.Succeeded, done.Status.Failed}).To(Equal([]int32{1, 2}))
	})

	f.It("jobs/backoff-limit", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 3, 3)
		work.Spec.BackoffLimit = ptr.To[int32](0)
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "3 are active", active(3))
		end(ctx, f, running[0], 1)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(batchv1.JobReasonBackoffLimitExceeded))
		Expect(condition(over, batchv1.JobFailed).Message).To(Equal("Job has reached the specified backoff limit"))
		Expect(over.Status.CompletionTime).To(BeNil(), "only a Job that succeeds has a completion time")
		Expect(over.Status.Active).To(BeZero())
		pods.MustReach(ctx, "the other pods are ended", active(0))
		pods.MustNever(ctx, "another is made", func(now []*corev1.Pod) bool { return len(Where(now, Active)) > 0 }, Quiet)
	})

	f.It("jobs/restarts-in-place", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Pod("work", "exit", "1"), 1, 1)
		work.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		work.Spec.BackoffLimit = ptr.To[int32](1)
		f.Create(ctx, work)
		pods.Throughout(ctx, "at most 1 pod", func(now []*corev1.Pod) string {
			if len(now) > 1 {
				return fmt.Sprintf("there are %v", Names(now))
			}
			return ""
		})
		pods.MustReach(ctx, "its container is restarted", Exactly(1, func(p *corev1.Pod) bool { return Status(p, "main").RestartCount >= 1 }))
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(batchv1.JobReasonBackoffLimitExceeded))
	})

	f.It("jobs/active-deadline", func(ctx SpecContext) {
		const deadline = 4
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 2, 2)
		work.Spec.ActiveDeadlineSeconds = ptr.To[int64](deadline)
		f.Create(ctx, work)
		pods.MustReach(ctx, "both are active", active(2))
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		failure := condition(over, batchv1.JobFailed)
		Expect(failure.Reason).To(Equal(batchv1.JobReasonDeadlineExceeded))
		Expect(failure.LastTransitionTime.Sub(over.Status.StartTime.Time)).To(BeNumerically(">=", (deadline-1)*time.Second))
		pods.MustReach(ctx, "the pods are ended", active(0))
	})

	f.It("jobs/failure-policy-fails-job", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 2, 2)
		work.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
			Action:      batchv1.PodFailurePolicyActionFailJob,
			OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{ContainerName: ptr.To("main"), Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{42}},
		}}}
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "both are active", active(2))
		end(ctx, f, running[0], 42)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		failure := condition(over, batchv1.JobFailed)
		Expect(failure.Reason).To(Equal(batchv1.JobReasonPodFailurePolicy))
		Expect(failure.Message).To(ContainSubstring("failed with exit code 42 matching FailJob rule at index 0"))
		pods.MustReach(ctx, "the other pod is ended", active(0))
	})

	f.It("jobs/failure-policy-order", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 3, 3)
		codes := func(operator batchv1.PodFailurePolicyOnExitCodesOperator, code int32) *batchv1.PodFailurePolicyOnExitCodesRequirement {
			return &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: operator, Values: []int32{code}}
		}
		work.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
			{Action: batchv1.PodFailurePolicyActionCount, OnExitCodes: codes(batchv1.PodFailurePolicyOnExitCodesOpIn, 4)},
			{Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: codes(batchv1.PodFailurePolicyOnExitCodesOpNotIn, 3)},
		}}
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "3 are active", active(3))
		end(ctx, f, running[0], 4) // both rules match
		end(ctx, f, running[1], 3) // neither does
		jobs.MustReach(ctx, "both failures are counted", one(func(j *batchv1.Job) bool { return j.Status.Failed == 2 }))
		jobs.MustNever(ctx, "they fail the Job", with(batchv1.JobFailureTarget), Quiet)
		end(ctx, f, running[2], 5)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(batchv1.JobReasonPodFailurePolicy))
		Expect(condition(over, batchv1.JobFailed).Message).To(ContainSubstring("failed with exit code 5 matching FailJob rule at index 1"))
	})

	f.It("jobs/failure-policy-ignores", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 1, 1)
		work.Spec.BackoffLimit = ptr.To[int32](0)
		work.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
			Action:          batchv1.PodFailurePolicyActionIgnore,
			OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
		}}}
		f.Create(ctx, work)
		disrupted := pods.MustReach(ctx, "the pod is made", active(1))[0]
		// Without a time it would be taken for one that nobody has acted upon for long, and be taken back.
		patch := fmt.Sprintf(`{"status":{"conditions":[{"type":"DisruptionTarget","status":"True","reason":"Told","lastTransitionTime":%q}]}}`,
			disrupted.CreationTimestamp.UTC().Format(time.RFC3339))
		if err := f.TryPatch(ctx, disrupted.DeepCopy(), types.StrategicMergePatchType, patch, "status"); err != nil {
			Fail(fmt.Sprintf("could not say that the pod is disrupted: %v", err))
		}
		end(ctx, f, disrupted, 137)
		next := pods.MustReach(ctx, "another pod is made", func(now []*corev1.Pod) bool {
			left := Where(now, Active)
			return len(left) == 1 && left[0].UID != disrupted.UID
		})
		Expect(jobs.Now()[0].Status.Failed).To(BeZero(), "an ignored failure is not counted")
		end(ctx, f, Where(next, Active)[0], 0)
		jobs.MustReach(ctx, "the Job is complete", one(func(j *batchv1.Job) bool { return is(j, batchv1.JobComplete) && j.Status.Failed == 0 }))
	})

	// Their pods are on a node that has fallen silent: they neither end nor go until the spec says so. A pod
	// without a node would be failed by the collector of pods as soon as it is to go.

	f.It("jobs/replacement-when-failed", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		for _, policy := range []batchv1.PodReplacementPolicy{batchv1.Failed, batchv1.TerminatingOrFailed} {
			name := map[batchv1.PodReplacementPolicy]string{batchv1.Failed: "patient", batchv1.TerminatingOrFailed: "hasty"}[policy]
			pods := f.WatchPods(ctx, "app="+name)
			template := Pod(name, "sleep", "24h")
			node.Take(&template.Spec)
			work := job(template, 1, 1)
			work.Name, work.Spec.PodReplacementPolicy = name, &policy
			work.Spec.Template.Labels["app"] = name
			node.Speak(ctx)
			f.Create(ctx, work)
			first := pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0]
			node.Silence()
			f.Delete(ctx, first)
			pods.MustReach(ctx, "it is terminating", Exactly(1, func(p *corev1.Pod) bool { return p.UID == first.UID && p.DeletionTimestamp != nil }))
			if policy == batchv1.Failed {
				pods.MustNever(ctx, "it is replaced before it has ended", func(now []*corev1.Pod) bool { return len(now) != 1 }, Quiet)
				end(ctx, f, first, 1)
			}
			pods.MustReach(ctx, "it is replaced", active(1))
		}
	})

	f.It("jobs/finished-only-after-pods", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		node := f.StandInNode(ctx, nil)
		template := Pod("work", "sleep", "24h")
		node.Take(&template.Spec)
		work := job(template, 2, 2)
		work.Spec.BackoffLimit = ptr.To[int32](0)
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "both are ready", Exactly(2, Ready))
		node.Silence()
		end(ctx, f, running[0], 1)
		jobs.MustReach(ctx, "the Job will fail", with(batchv1.JobFailureTarget))
		pods.MustReach(ctx, "the other pod is terminating", func(now []*corev1.Pod) bool {
			return len(Where(now, Is(running[1]), func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil })) == 1
		})
		jobs.MustNever(ctx, "the Job has failed while a pod has not ended", with(batchv1.JobFailed), Quiet)
		end(ctx, f, running[1], 1)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(is(over, batchv1.JobFailureTarget)).To(BeTrue())
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(condition(over, batchv1.JobFailureTarget).Reason))
	})
})
