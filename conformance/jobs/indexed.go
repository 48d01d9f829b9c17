package jobs

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("Indexed Jobs", func() {
	f := New()

	f.It("jobs/indexed", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		f.Create(ctx, indexed(job(Pod("work", "env"), 3, 3)))
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect(done.Status.CompletedIndexes).To(Equal("0-2"))
		seen := map[string]bool{}
		for _, pod := range pods.Now() {
			i := index(pod)
			seen[i] = true
			Expect(pod.Labels).To(HaveKeyWithValue(batchv1.JobCompletionIndexAnnotation, i))
			Expect(pod.Name).To(MatchRegexp("^work-" + i + "-[a-z0-9]{5}$"))
			Expect(pod.Spec.Hostname).To(Equal("work-" + i))
			log := f.Logs(ctx, pod.Name, corev1.PodLogOptions{})
			Expect(strings.Split(log, "\n")).To(ContainElements("JOB_COMPLETION_INDEX="+i, "HOSTNAME=work-"+i))
		}
		Expect(seen).To(Equal(map[string]bool{"0": true, "1": true, "2": true}))
	})

	f.It("jobs/indexed-retries-index", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		f.Create(ctx, indexed(job(Idle(), 3, 3)))
		first := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1", "2"))
		end(ctx, f, ofIndex(first, "0"), 0)
		end(ctx, f, ofIndex(first, "2"), 0)
		end(ctx, f, ofIndex(first, "1"), 1)
		jobs.MustReach(ctx, "two indexes are complete", one(func(j *batchv1.Job) bool { return j.Status.CompletedIndexes == "0,2" && j.Status.Failed == 1 }))
		next := pods.MustReach(ctx, "index 1 alone is run again", func(now []*corev1.Pod) bool {
			return indexesAre("1")(now) && ofIndex(now, "1").UID != ofIndex(first, "1").UID
		})
		pods.MustNever(ctx, "another index is run again", func(now []*corev1.Pod) bool { return !indexesAre("1")(now) }, Quiet)
		end(ctx, f, ofIndex(next, "1"), 0)
		jobs.MustReach(ctx, "the Job is complete", one(func(j *batchv1.Job) bool { return is(j, batchv1.JobComplete) && j.Status.CompletedIndexes == "0-2" }))
	})

	f.It("jobs/elastic-indexed", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 2, 2))
		f.Create(ctx, work)
		pods.MustReach(ctx, "2 indexes run", indexesAre("0", "1"))
		resize := func(n int) {
			GinkgoHelper()
			f.Patch(ctx, work, fmt.Sprintf(`{"spec":{"completions":%d,"parallelism":%d}}`, n, n))
		}
		resize(4)
		four := pods.MustReach(ctx, "4 indexes run", indexesAre("0", "1", "2", "3"))
		end(ctx, f, ofIndex(four, "3"), 0)
		jobs.MustReach(ctx, "index 3 is complete", one(func(j *batchv1.Job) bool { return j.Status.CompletedIndexes == "3" && j.Status.Succeeded == 1 }))
		resize(2)
		pods.MustReach(ctx, "2 indexes run", indexesAre("0", "1"))
		jobs.MustReach(ctx, "what is out of range does not count", one(func(j *batchv1.Job) bool {
			return j.Status.CompletedIndexes == "" && j.Status.Succeeded == 0 && j.Status.Active == 2
		}))
		for _, pod := range Where(pods.Now(), Active) {
			end(ctx, f, pod, 0)
		}
		jobs.MustReach(ctx, "the Job is complete with 2", one(func(j *batchv1.Job) bool {
			return is(j, batchv1.JobComplete) && j.Status.Succeeded == 2 && j.Status.CompletedIndexes == "0,1"
		}))
	})

	f.It("jobs/backoff-limit-per-index", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 3, 3))
		work.Spec.BackoffLimitPerIndex = ptr.To[int32](0)
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1", "2"))
		end(ctx, f, ofIndex(running, "1"), 1)
		jobs.MustReach(ctx, "index 1 is given up", one(func(j *batchv1.Job) bool { return ptr.Deref(j.Status.FailedIndexes, "") == "1" }))
		pods.MustReach(ctx, "the others run", indexesAre("0", "2"))
		pods.MustNever(ctx, "it is run again, or others are ended", func(now []*corev1.Pod) bool { return !indexesAre("0", "2")(now) }, Quiet)
		Expect(is(jobs.Now()[0], batchv1.JobFailureTarget)).To(BeFalse(), "the Job fails only in the end")
		end(ctx, f, ofIndex(running, "0"), 0)
		end(ctx, f, ofIndex(running, "2"), 0)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(batchv1.JobReasonFailedIndexes))
		Expect(over.Status.CompletedIndexes).To(Equal("0,2"))
		Expect(over.Status.FailedIndexes).To(HaveValue(Equal("1")))
	})

	f.It("jobs/max-failed-indexes", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 4, 4))
		work.Spec.BackoffLimitPerIndex, work.Spec.MaxFailedIndexes = ptr.To[int32](0), ptr.To[int32](1)
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1", "2", "3"))
		end(ctx, f, ofIndex(running, "0"), 1)
		jobs.MustReach(ctx, "one index has failed", one(func(j *batchv1.Job) bool { return ptr.Deref(j.Status.FailedIndexes, "") == "0" }))
		pods.MustReach(ctx, "the others run", indexesAre("1", "2", "3"))
		pods.MustNever(ctx, "others are ended", func(now []*corev1.Pod) bool { return !indexesAre("1", "2", "3")(now) }, Quiet)
		end(ctx, f, ofIndex(running, "1"), 1)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(condition(over, batchv1.JobFailed).Reason).To(Equal(batchv1.JobReasonMaxFailedIndexesExceeded))
		pods.MustReach(ctx, "the others are ended", active(0))
	})

	f.It("jobs/failure-policy-fails-index", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 2, 2))
		work.Spec.BackoffLimitPerIndex = ptr.To[int32](5)
		work.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
			Action:      batchv1.PodFailurePolicyActionFailIndex,
			OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{7}},
		}}}
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1"))
		end(ctx, f, ofIndex(running, "0"), 7)
		jobs.MustReach(ctx, "index 0 is given up", one(func(j *batchv1.Job) bool { return ptr.Deref(j.Status.FailedIndexes, "") == "0" }))
		end(ctx, f, ofIndex(running, "1"), 0)
		over := jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))[0]
		Expect(over.Status.CompletedIndexes).To(Equal("1"))
	})

	f.It("jobs/limit-per-index-retries", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 2, 2))
		work.Spec.BackoffLimitPerIndex = ptr.To[int32](1)
		f.Create(ctx, work)
		first := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1"))
		end(ctx, f, ofIndex(first, "0"), 1)
		second := pods.MustReach(ctx, "index 0 is run again", func(now []*corev1.Pod) bool {
			return indexesAre("0", "1")(now) && ofIndex(now, "0").UID != ofIndex(first, "0").UID
		})
		Expect(ofIndex(second, "0").Annotations).To(HaveKeyWithValue(batchv1.JobIndexFailureCountAnnotation, "1"))
		Expect(ofIndex(second, "1").Annotations).To(HaveKeyWithValue(batchv1.JobIndexFailureCountAnnotation, "0"))
		Expect(ptr.Deref(jobs.Now()[0].Status.FailedIndexes, "")).To(BeEmpty(), "one failure is within the limit")
		end(ctx, f, ofIndex(second, "0"), 1)
		jobs.MustReach(ctx, "index 0 is given up", one(func(j *batchv1.Job) bool { return ptr.Deref(j.Status.FailedIndexes, "") == "0" && j.Status.Failed == 2 }))
		Expect(ofIndex(pods.Now(), "1")).NotTo(BeNil(), "the other index runs on")
		end(ctx, f, ofIndex(pods.Now(), "1"), 0)
		jobs.MustReach(ctx, "the Job has failed", with(batchv1.JobFailed))
	})

	f.It("jobs/success-policy-rules", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 4, 4))
		work.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("3")}, {SucceededCount: ptr.To[int32](2)}}}
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1", "2", "3"))
		end(ctx, f, ofIndex(running, "0"), 0)
		jobs.MustReach(ctx, "one has succeeded", one(func(j *batchv1.Job) bool { return j.Status.Succeeded == 1 }))
		jobs.MustNever(ctx, "the Job succeeds with that", with(batchv1.JobSuccessCriteriaMet), Quiet)
		end(ctx, f, ofIndex(running, "1"), 0)
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect(condition(done, batchv1.JobSuccessCriteriaMet).Message).To(Equal("Matched rules at index 1"))
		Expect(done.Status.Succeeded).To(BeEquivalentTo(2))
		pods.MustReach(ctx, "the other pods are ended", active(0))
	})

	f.It("jobs/success-policy", func(ctx SpecContext) {
		pods, jobs := f.WatchPods(ctx, "app=work"), f.WatchJob(ctx, "work")
		work := indexed(job(Idle(), 4, 4))
		work.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("0,2-3"), SucceededCount: ptr.To[int32](2)}}}
		f.Create(ctx, work)
		running := pods.MustReach(ctx, "each index has its pod", indexesAre("0", "1", "2", "3"))
		end(ctx, f, ofIndex(running, "1"), 0)
		end(ctx, f, ofIndex(running, "2"), 0)
		jobs.MustReach(ctx, "two have succeeded, one of which counts", one(func(j *batchv1.Job) bool { return j.Status.Succeeded == 2 }))
		jobs.MustNever(ctx, "the Job succeeds on one of two", with(batchv1.JobSuccessCriteriaMet), Quiet)
		end(ctx, f, ofIndex(running, "0"), 0)
		done := jobs.MustReach(ctx, "the Job is complete", with(batchv1.JobComplete))[0]
		Expect(condition(done, batchv1.JobSuccessCriteriaMet).Reason).To(Equal(batchv1.JobReasonSuccessPolicy))
		Expect(done.Status.CompletedIndexes).To(Equal("0-2"))
		pods.MustReach(ctx, "the last pod is ended", active(0))
	})
})
