package job

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// noIndex is the completion index of a pod that has none.
const noIndex = -1

// view is a Job and its pods at one time, sorted, with what adds up from them.
type view struct {
	job    *batchv1.Job
	now    time.Time
	active []*corev1.Pod // neither ended nor told to go
	// tracked are the pods that still have the finalizer: those that have ended are to be counted.
	tracked     []*corev1.Pod
	terminating []*corev1.Pod // told to go, and still running
	ready       int

	uncounted batchv1.UncountedTerminatedPods // those listed in the status that still have the finalizer
	counted   counters                        // those of the status, and the listed ones that have lost it
	// failed and succeeded are what the counters will be once every pod that has ended is counted.
	failed, succeeded int
	succeededIndexes  indexes // an Indexed Job's, those not yet written included
	knownIndexes      indexes // those that are written
	failedIndexes     indexes // with a back-off limit per index
	// latest is the latest failed pod of each index that has neither a success nor a pod that runs. It keeps its
	// finalizer until there is one, because it says how often the index has failed.
	latest map[int]*corev1.Pod
}

type counters struct{ succeeded, failed int32 }

// look sorts the pods, of which all are the Job's. Those that have ended and lost their finalizer say nothing
// and may be left out.
func look(job *batchv1.Job, pods []*corev1.Pod, now time.Time) (*view, error) {
	// The API knows no fractions of seconds.
	v := &view{job: job, now: now.Truncate(time.Second)}
	pods = slices.Clone(pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, pod := range pods {
		switch {
		case controller.IsActive(pod):
			v.active = append(v.active, pod)
			if controller.IsReady(pod) {
				v.ready++
			}
		case controller.IsTerminating(pod):
			v.terminating = append(v.terminating, pod)
		}
		if isTracked(pod) {
			v.tracked = append(v.tracked, pod)
		}
	}
	v.settle()
	v.sum()
	if isIndexed(job) {
		return v, v.index()
	}
	return v, nil
}

// settle turns the listed pods that have lost their finalizer into numbers.
func (v *view) settle() {
	status := &v.job.Status
	v.counted = counters{status.Succeeded, status.Failed}
	if status.UncountedTerminatedPods == nil {
		return
	}
	tracked := make(map[types.UID]bool, len(v.tracked))
	for _, pod := range v.tracked {
		tracked[pod.UID] = true
	}
	keep := func(list []types.UID, counter *int32) (kept []types.UID) {
		for _, uid := range list {
			if tracked[uid] {
				kept = append(kept, uid)
			} else {
				*counter++
			}
		}
		return kept
	}
	v.uncounted.Succeeded = keep(status.UncountedTerminatedPods.Succeeded, &v.counted.succeeded)
	v.uncounted.Failed = keep(status.UncountedTerminatedPods.Failed, &v.counted.failed)
}

// sum adds up what has been counted and what will be.
func (v *view) sum() {
	v.succeeded = int(v.counted.succeeded) + len(v.uncounted.Succeeded)
	v.failed = int(v.counted.failed) + len(v.uncounted.Failed)
	listed := v.listed()
	for _, pod := range v.tracked {
		switch {
		case listed[pod.UID] || !v.countable(pod):
		case pod.Status.Phase == corev1.PodSucceeded:
			v.succeeded++
		case v.hasFailed(pod) && judge(v.job.Spec.PodFailurePolicy, pod).counts():
			v.failed++
		}
	}
}

// index finds out which indexes have succeeded and failed.
func (v *view) index() (err error) {
	completions := int(*v.job.Spec.Completions)
	if v.knownIndexes, err = parseIndexes(v.job.Status.CompletedIndexes, completions); err != nil {
		return err
	}
	var succeeded, failed []int
	for _, pod := range v.tracked {
		index := indexOf(pod)
		switch {
		case !v.countable(pod):
		case pod.Status.Phase == corev1.PodSucceeded:
			succeeded = append(succeeded, index)
		case v.failsIndex(pod):
			failed = append(failed, index)
		}
	}
	v.succeededIndexes = v.knownIndexes.with(succeeded)
	v.succeeded = v.succeededIndexes.total()
	if v.job.Spec.BackoffLimitPerIndex == nil {
		return nil
	}
	known, err := parseIndexes(ptr.Deref(v.job.Status.FailedIndexes, ""), completions)
	if err != nil {
		return err
	}
	failed = slices.DeleteFunc(failed, v.succeededIndexes.has) // another pod of the index has made it
	v.failedIndexes = known.with(failed)
	v.latest = v.latestFailures()
	return nil
}

// failsIndex reports whether the pod's failure is one too many for its index.
func (v *view) failsIndex(pod *corev1.Pod) bool {
	if v.job.Spec.BackoffLimitPerIndex == nil || !v.hasFailed(pod) {
		return false
	}
	verdict := judge(v.job.Spec.PodFailurePolicy, pod)
	if verdict.action == batchv1.PodFailurePolicyActionFailIndex {
		return true
	}
	return verdict.counts() && countIn(pod, batchv1.JobIndexFailureCountAnnotation) >= int(*v.job.Spec.BackoffLimitPerIndex)
}

func (v *view) latestFailures() map[int]*corev1.Pod {
	running := setOf(indexesOf(v.active))
	latest := map[int]*corev1.Pod{}
	for _, pod := range v.tracked {
		index := indexOf(pod)
		if !v.hasFailed(pod) || !v.countable(pod) || v.succeededIndexes.has(index) || v.failedIndexes.has(index) || running.has(index) {
			continue
		}
		have := latest[index]
		if have == nil || cmp.Or(cmp.Compare(failuresOf(have), failuresOf(pod)), endedAt(have).Compare(endedAt(pod))) <= 0 {
			latest[index] = pod
		}
	}
	return latest
}

// failuresOf is how many pods of the index had failed before this one.
func failuresOf(pod *corev1.Pod) int {
	return countIn(pod, batchv1.JobIndexFailureCountAnnotation) + countIn(pod, batchv1.JobIndexIgnoredFailureCountAnnotation)
}

// countIn reads a number from an annotation; what is none counts as zero.
func countIn(pod *corev1.Pod, annotation string) int {
	n, err := strconv.ParseUint(pod.Annotations[annotation], 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// listed are the pods that the status names.
func (v *view) listed() map[types.UID]bool {
	listed := make(map[types.UID]bool, len(v.uncounted.Succeeded)+len(v.uncounted.Failed))
	for _, list := range [][]types.UID{v.uncounted.Succeeded, v.uncounted.Failed} {
		for _, uid := range list {
			listed[uid] = true
		}
	}
	return listed
}

// hasFailed reports whether the pod counts as failed: also one that was told to go, and may never get to say how
// it ended, unless it is to be replaced only then.
func (v *view) hasFailed(pod *corev1.Pod) bool { return hasFailed(v.job, pod) }

func hasFailed(job *batchv1.Job, pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || controller.IsTerminating(pod) && !replacesOnlyFailed(job)
}

// setsBack reports whether the pod's failure has the next one wait. That of a pod that was let go, because the Job
// is suspended or has too many, is no failure: it lost its finalizer before it was told to go.
func (v *view) setsBack(pod *corev1.Pod) bool {
	return v.hasFailed(pod) && (isTracked(pod) || pod.DeletionTimestamp == nil)
}

// countable reports whether the pod can count towards anything: in an Indexed Job, one of its indexes.
func (v *view) countable(pod *corev1.Pod) bool {
	if !isIndexed(v.job) {
		return true
	}
	index := indexOf(pod)
	return index != noIndex && index < int(*v.job.Spec.Completions)
}

func isIndexed(job *batchv1.Job) bool {
	return job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion
}

func isSuspended(job *batchv1.Job) bool { return ptr.Deref(job.Spec.Suspend, false) }

// replacesOnlyFailed reports whether a pod is replaced only once it has ended. With a pod failure policy it always
// is so: before, there is nothing to judge.
func replacesOnlyFailed(job *batchv1.Job) bool {
	if job.Spec.PodReplacementPolicy != nil {
		return *job.Spec.PodReplacementPolicy == batchv1.Failed
	}
	return job.Spec.PodFailurePolicy != nil
}

func isTracked(pod *corev1.Pod) bool {
	return slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer)
}

// indexOf is the pod's completion index.
func indexOf(pod *corev1.Pod) int {
	index, err := strconv.ParseUint(pod.Annotations[batchv1.JobCompletionIndexAnnotation], 10, 31)
	if err != nil {
		return noIndex
	}
	return int(index)
}

// indexesOf are the completion indexes of those pods that have one.
func indexesOf(pods []*corev1.Pod) []int {
	var list []int
	for _, pod := range pods {
		if index := indexOf(pod); index != noIndex {
			list = append(list, index)
		}
	}
	return list
}
