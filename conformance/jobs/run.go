package jobs

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("running pods", func() {
	f := New()

	f.It("jobs/runs-to-completion", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		pods.Throughout(ctx, "at most 2 active pods", atMost(2))
		work := job(Pod("work", "exit", "0"), 2, 3)
		f.Create(ctx, work)
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect(done.Status.Succeeded).To(BeEquivalentTo(3))
		Expect(done.Status.Failed).To(BeZero())
		Expect(done.Status.Active).To(BeZero())
		Expect(done.Status.StartTime.IsZero()).To(BeFalse())
		Expect(done.Status.CompletionTime.Time).To(BeTemporally(">=", done.Status.StartTime.Time))
		Expect(is(done, batchv1.JobSuccessCriteriaMet)).To(BeTrue())
		for _, pod := range pods.Now() {
			Expect(pod.Name).To(MatchRegexp("^work-[a-z0-9]{5}$"))
			Expect(OwnedBy(pod, work)).To(BeTrue())
		}
		pods.MustReach(ctx, "its 3 pods have ended", Exactly(3, Ended))
		pods.MustNever(ctx, "there is a fourth pod", func(now []*corev1.Pod) bool { return len(now) != 3 }, Quiet)
	})

	f.It("jobs/keeps-finished-pods", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		f.Create(ctx, job(Pod("work", "echo", "the", "result"), 1, 1))
		jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))
		pods.Mark()
		pods.MustNever(ctx, "the pod goes", func(now []*corev1.Pod) bool { return len(now) != 1 }, Quiet)
		Expect(f.Logs(ctx, pods.Now()[0].Name, corev1.PodLogOptions{})).To(ContainSubstring("the result"))
	})

	f.It("jobs/parallelism", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		pods.Throughout(ctx, "at most 3 active pods", atMost(3))
		f.Create(ctx, job(Idle(), 3, 5))
		first := pods.MustReach(ctx, "3 are active", active(3))
		end(ctx, f, first[0], 0)
		pods.MustReach(ctx, "the one that succeeded is followed by another", func(now []*corev1.Pod) bool { return len(now) == 4 && active(3)(now) })
		end(ctx, f, first[1], 0)
		pods.MustReach(ctx, "the second one, too", func(now []*corev1.Pod) bool { return len(now) == 5 && active(3)(now) })
		end(ctx, f, first[2], 0)
		jobs.MustReach(ctx, "3 have succeeded", one(func(j *batchv1.Job) bool { return j.Status.Succeeded == 3 && j.Status.Active == 2 }))
		pods.MustNever(ctx, "there are more pods than completions are left", func(now []*corev1.Pod) bool { return len(now) != 5 }, Quiet)
		for _, pod := range Where(pods.Now(), Active) {
			end(ctx, f, pod, 0)
		}
		jobs.MustReach(ctx, "the Job is complete with 5", one(func(j *batchv1.Job) bool { return is(j, batchv1.JobComplete) && j.Status.Succeeded == 5 }))
	})

	f.It("jobs/parallelism-changes", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 1, 6)
		f.Create(ctx, work)
		pods.MustReach(ctx, "1 is active", active(1))
		for _, n := range []int{4, 2, 0, 3} {
			f.Patch(ctx, work, fmt.Sprintf(`{"spec":{"parallelism":%d}}`, n))
			pods.MustReach(ctx, fmt.Sprintf("%d are active and no other is left", n), func(now []*corev1.Pod) bool { return len(now) == n && active(n)(now) })
			jobs.MustReach(ctx, "the status counts them", one(func(j *batchv1.Job) bool { return int(j.Status.Active) == n }))
		}
		Expect(jobs.Now()[0].Status.Failed).To(BeZero(), "a pod that is not wanted any more has not failed")
	})

	f.It("jobs/work-queue", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 3, 1)
		work.Spec.Completions = nil
		f.Create(ctx, work)
		workers := pods.MustReach(ctx, "3 are active", active(3))
		end(ctx, f, workers[0], 0)
		jobs.MustReach(ctx, "one has succeeded", one(func(j *batchv1.Job) bool { return j.Status.Succeeded == 1 }))
		pods.MustNever(ctx, "another is made, or those left are ended", func(now []*corev1.Pod) bool { return len(now) != 3 || len(Where(now, Active)) < 2 }, Quiet)
		Expect(is(jobs.Now()[0], batchv1.JobComplete)).To(BeFalse())
		end(ctx, f, workers[1], 0)
		end(ctx, f, workers[2], 0)
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect(done.Status.Succeeded).To(BeEquivalentTo(3))
	})

	f.It("jobs/status-counts", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		node, template := f.StandInNode(ctx, nil), Pod("work", "sleep", "24h")
		node.Take(&template.Spec)
		ReadyWhenTold(&template.Spec)
		work := job(template, 2, 2)
		f.Create(ctx, work)
		counts := func(active, ready, terminating int32) func([]*batchv1.Job) bool {
			return one(func(j *batchv1.Job) bool {
				return j.Status.Active == active && ptr.Deref(j.Status.Ready, -1) == ready && ptr.Deref(j.Status.Terminating, -1) == terminating
			})
		}
		running := pods.MustReach(ctx, "both run", Exactly(2, Running))
		jobs.MustReach(ctx, "2 are active and none is ready", counts(2, 0, 0))
		jobs.MustNever(ctx, "one is ready", one(func(j *batchv1.Job) bool { return ptr.Deref(j.Status.Ready, 0) > 0 }), Quiet)
		f.TellReady(ctx, true, running[0].Name)
		jobs.MustReach(ctx, "1 of them is ready", counts(2, 1, 0))
		f.TellReady(ctx, true, running[1].Name)
		jobs.MustReach(ctx, "both are ready", counts(2, 2, 0))
		node.Silence() // a pod that is to go does not end
		f.Patch(ctx, work, `{"spec":{"parallelism":1}}`)
		jobs.MustReach(ctx, "1 is active and ready, the other terminating", counts(1, 1, 1))
	})

	f.It("jobs/tracking-finalizer", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		f.Create(ctx, job(Idle(), 2, 3))
		first := pods.MustReach(ctx, "2 are active", active(2))
		for _, pod := range first {
			Expect(pod.Finalizers).To(ContainElement(finalizer))
		}
		end(ctx, f, first[0], 0)
		f.Delete(ctx, first[0])
		f.Delete(ctx, first[1])
		jobs.MustReach(ctx, "the deleted ones are counted, as succeeded and as failed", one(func(j *batchv1.Job) bool {
			return j.Status.Succeeded == 1 && j.Status.Failed == 1
		}))
		pods.MustReach(ctx, "they are gone", func(now []*corev1.Pod) bool {
			return len(Where(now, Is(first[0]))) == 0 && len(Where(now, Is(first[1]))) == 0
		})
		next := pods.MustReach(ctx, "2 others are active", active(2))
		for _, pod := range Where(next, Active) {
			end(ctx, f, pod, 0)
		}
		jobs.MustReach(ctx, "the Job is complete with 3", one(func(j *batchv1.Job) bool {
			return is(j, batchv1.JobComplete) && j.Status.Succeeded == 3 && j.Status.Failed == 1 &&
				(j.Status.UncountedTerminatedPods == nil || len(j.Status.UncountedTerminatedPods.Succeeded)+len(j.Status.UncountedTerminatedPods.Failed) == 0)
		}))
		pods.MustReach(ctx, "no pod has the finalizer any more", func(now []*corev1.Pod) bool {
			for _, pod := range now {
				for _, have := range pod.Finalizers {
					if have == finalizer {
						return false
					}
				}
			}
			return len(now) == 2
		})
	})

	f.It("jobs/managed-by", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, ""), f.WatchJob(ctx, "work")
		work := job(Idle(), 1, 1)
		work.Spec.ManagedBy = ptr.To("conformance.etalon.dev/somebody")
		f.Create(ctx, work)
		pods.MustNever(ctx, "a pod is made", func(now []*corev1.Pod) bool { return len(now) > 0 }, Quiet)
		Expect(jobs.Now()[0].Status).To(Equal(batchv1.JobStatus{}), "the status is the other controller's")
	})

	f.It("jobs/events", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=work")
		work := job(Idle(), 1, 1)
		f.Create(ctx, work)
		pod := pods.MustReach(ctx, "the pod is made", active(1))[0]
		Expect(f.WaitEvent(ctx, work, "SuccessfulCreate").Message).To(Equal("Created pod: " + pod.Name))
		end(ctx, f, pod, 0)
		Expect(f.WaitEvent(ctx, work, "Completed").Message).To(Equal("Job completed"))
	})

	f.It("jobs/ttl-after-finished", func(ctx SpecContext) {
		const ttl = 5
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := job(Idle(), 1, 1)
		work.Spec.TTLSecondsAfterFinished = ptr.To[int32](ttl)
		f.Create(ctx, work)
		pod := pods.MustReach(ctx, "the pod is made", active(1))[0]
		jobs.MustReach(ctx, "the Job is active", one(func(j *batchv1.Job) bool { return j.Status.Active == 1 }))
		jobs.MustNever(ctx, "a Job that has not finished goes", func(now []*batchv1.Job) bool { return len(now) == 0 }, (ttl+2)*time.Second)
		finished := time.Now() // or later
		end(ctx, f, pod, 0)
		jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))
		jobs.MustReach(ctx, "the Job is deleted", func(now []*batchv1.Job) bool { return len(now) == 0 || now[0].DeletionTimestamp != nil })
		// The time of completion is cut to the second.
		Expect(jobs.ReachedAt().Sub(finished)).To(BeNumerically(">=", (ttl-2)*time.Second), "time from the end to the deletion")
		jobs.MustReach(ctx, "the Job is gone", func(now []*batchv1.Job) bool { return len(now) == 0 })
		pods.MustReach(ctx, "its pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})

	f.It("jobs/selector", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=work")
		work := job(Idle(), 1, 1)
		f.Create(ctx, work)
		uid := string(work.UID)
		Expect(work.Spec.Selector.MatchLabels).To(HaveKeyWithValue(batchv1.ControllerUidLabel, uid))
		for _, labels := range []map[string]string{work.Spec.Template.Labels, pods.MustReach(ctx, "the pod is made", active(1))[0].Labels} {
			Expect(labels).To(And(HaveKeyWithValue(batchv1.ControllerUidLabel, uid), HaveKeyWithValue(batchv1.JobNameLabel, "work"), HaveKeyWithValue("app", "work")))
		}
		own := job(Idle(), 1, 1)
		own.Name, own.Spec.Selector = "own", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "own"}}
		own.Spec.Template.Labels = map[string]string{"app": "own"}
		MustRefuse(f.TryCreate(ctx, own.DeepCopy()), 422, "spec.selector")
		own.Spec.ManualSelector = ptr.To(true)
		f.Create(ctx, own)
		Expect(own.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app": "own"}))
	})
})
