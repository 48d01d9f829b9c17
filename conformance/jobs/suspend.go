package jobs

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("suspension and rules", func() {
	f := New()

	f.It("jobs/suspended-starts-nothing", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 2, 2)
		work.Spec.Suspend = ptr.To(true)
		f.Create(ctx, work)
		waiting := jobs.MustReach(ctx, "the Job says that it is suspended", with(batchv1.JobSuspended))[0]
		Expect(condition(waiting, batchv1.JobSuspended).Reason).To(Equal("JobSuspended"))
		pods.MustNever(ctx, "a pod is made", func(now []*corev1.Pod) bool { return len(now) > 0 }, Quiet)
		Expect(jobs.Now()[0].Status.StartTime).To(BeNil())
		f.Patch(ctx, work, `{"spec":{"suspend":false}}`)
		pods.MustReach(ctx, "both pods are made", active(2))
		resumed := jobs.MustReach(ctx, "the Job has started", one(func(j *batchv1.Job) bool { return j.Status.StartTime != nil && j.Status.Active == 2 }))[0]
		Expect(condition(resumed, batchv1.JobSuspended).Status).To(Equal(corev1.ConditionFalse))
		Expect(condition(resumed, batchv1.JobSuspended).Reason).To(Equal("JobResumed"))
	})

	f.It("jobs/suspending-ends-pods", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 2, 3)
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "both are active", active(2))
		end(ctx, f, running[0], 0)
		jobs.MustReach(ctx, "one has succeeded", one(func(j *batchv1.Job) bool { return j.Status.Succeeded == 1 && j.Status.Active == 2 }))
		f.Patch(ctx, work, `{"spec":{"suspend":true}}`)
		stopped := jobs.MustReach(ctx, "the Job is suspended with no active pod", one(func(j *batchv1.Job) bool {
			return is(j, batchv1.JobSuspended) && j.Status.Active == 0
		}))[0]
		Expect(stopped.Status.StartTime).To(BeNil(), "the clock of the deadline stops")
		Expect([]int32{stopped.Status.Succeeded, stopped.Status.Failed}).To(Equal([]int32{1, 0}))
		pods.MustReach(ctx, "only the pod that ended is left", func(now []*corev1.Pod) bool { return len(now) == 1 && now[0].UID == running[0].UID })
		f.Patch(ctx, work, `{"spec":{"suspend":false}}`)
		again := pods.MustReach(ctx, "two others are active", active(2))
		for _, pod := range Where(again, Active) {
			end(ctx, f, pod, 0)
		}
		jobs.MustReach(ctx, "the Job is complete with 3", one(func(j *batchv1.Job) bool {
			return is(j, batchv1.JobComplete) && j.Status.Succeeded == 3 && j.Status.Failed == 0
		}))
	})

	f.It("jobs/suspended-scheduling-directives", func(ctx SpecContext) {
		work := job(Idle(), 1, 1)
		work.Spec.Suspend = ptr.To(true)
		f.Create(ctx, work)
		directives := `{"spec":{"template":{"metadata":{"labels":{"queue":"a"},"annotations":{"queue":"a"}},"spec":{"nodeSelector":{"queue":"a"},
			"tolerations":[{"key":"queue","operator":"Exists"}],"schedulingGates":[{"name":"example.com/queue"}]}}}}`
		f.Patch(ctx, work, directives)
		Expect(work.Spec.Template.Spec.NodeSelector).To(HaveKeyWithValue("queue", "a"))
		running := job(Idle(), 1, 1)
		running.Name = "running"
		f.Create(ctx, running)
		MustRefuse(f.TryPatch(ctx, running, types.MergePatchType, directives), 422, "spec.template", "field is immutable")
	})

	f.It("jobs/defaults", func(ctx SpecContext) {
		work := job(Idle(), 1, 1)
		work.Spec.Parallelism, work.Spec.Completions = nil, nil
		f.Create(ctx, work)
		spec := work.Spec
		Expect(spec.Parallelism).To(HaveValue(BeEquivalentTo(1)))
		Expect(spec.Completions).To(HaveValue(BeEquivalentTo(1)))
		Expect(spec.BackoffLimit).To(HaveValue(BeEquivalentTo(6)))
		Expect(spec.CompletionMode).To(HaveValue(Equal(batchv1.NonIndexedCompletion)))
		Expect(spec.Suspend).To(HaveValue(BeFalse()))
		Expect(spec.PodReplacementPolicy).To(HaveValue(Equal(batchv1.TerminatingOrFailed)))
		queue := job(Idle(), 3, 1)
		queue.Name, queue.Spec.Completions = "queue", nil
		f.Create(ctx, queue)
		Expect(queue.Spec.Completions).To(BeNil(), "a parallelism without completions makes a work queue")
	})

	f.It("jobs/restart-policy", func(ctx SpecContext) {
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyAlways, ""} {
			work := job(Idle(), 1, 1)
			work.Spec.Template.Spec.RestartPolicy = policy
			MustRefuse(f.TryCreate(ctx, work), 422, "spec.template.spec.restartPolicy")
		}
	})

	f.It("jobs/immutable", func(ctx SpecContext) {
		work := job(Idle(), 1, 2)
		f.Create(ctx, work)
		for field, patch := range map[string]string{
			"spec.completions": `{"spec":{"completions":5}}`,
			"spec.template":    `{"spec":{"template":{"metadata":{"labels":{"more":"yes"}}}}}`,
			"spec.selector":    `{"spec":{"selector":{"matchLabels":{"more":"yes"}}}}`,
		} {
			MustRefuse(f.TryPatch(ctx, work.DeepCopy(), types.MergePatchType, patch), 422, field, "field is immutable")
		}
		f.Patch(ctx, work, `{"spec":{"parallelism":2,"backoffLimit":3,"activeDeadlineSeconds":600}}`)
	})
})
