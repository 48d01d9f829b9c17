package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// outcome is what became of a decision.
type outcome struct {
	gone      map[types.UID]bool // pods that were deleted
	stripped  map[types.UID]bool // and those that had lost their finalizer before
	goneReady int                // and of them the ready ones
	created   int
	barred    bool // no pod can be made any more
}

// account is what is written after the pods have been dealt with.
type account struct {
	// status is to be written first.
	status batchv1.JobStatus
	// strip are the pods that may lose their finalizer then.
	strip []*corev1.Pod
	// final is the Job's last condition, to be set once nothing is left to be counted and no pod runs.
	final *batchv1.JobCondition
	// more says that there are further pods to be counted, beyond what one write may carry.
	more bool
	// event is of a Job that has just been suspended or resumed, empty otherwise.
	event string
}

// reckon writes down what the pods have come to.
func reckon(v *view, d decision, out outcome) account {
	a := account{status: *v.job.Status.DeepCopy()}
	s := &a.status
	s.Active = int32(len(v.active) - len(out.gone) + out.created)
	s.Ready = ptr.To(int32(v.ready - out.goneReady))
	s.Terminating = ptr.To(int32(len(v.terminating) + len(out.gone)))
	if s.StartTime == nil && !isSuspended(v.job) {
		s.StartTime = ptr.To(metav1.NewTime(v.now))
	}
	end := d.end
	if end == nil && d.enough && s.Active == 0 && !d.open {
		end = ptr.To(newCondition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue, batchv1.JobReasonCompletionsReached, completionsMessage, v.now))
	}
	if end == nil {
		a.event = noteSuspension(s, d, v.now)
	} else {
		setCondition(s, *end)
		if !d.open {
			a.final = ptr.To(final(end, v.now))
		}
	}
	a.count(v, end, out)
	return a
}

// noteSuspension keeps the Suspended condition. A suspended Job has no start: its time begins anew.
func noteSuspension(s *batchv1.JobStatus, d decision, now time.Time) (event string) {
	switch {
	case d.suspended:
		s.StartTime = nil
		if setCondition(s, newCondition(batchv1.JobSuspended, corev1.ConditionTrue, suspendedReason, suspendedMessage, now)) {
			return suspendedEvent
		}
	case d.resumed:
		if setCondition(s, newCondition(batchv1.JobSuspended, corev1.ConditionFalse, resumedReason, resumedMessage, now)) {
			return resumedEvent
		}
	}
	return ""
}

// count lists the pods that have ended and says which may lose their finalizer.
func (a *account) count(v *view, end *batchv1.JobCondition, out outcome) {
	s := &a.status
	s.Succeeded, s.Failed = v.counted.succeeded, v.counted.failed
	s.UncountedTerminatedPods = v.uncounted.DeepCopy()
	listed, known := v.listed(), v.knownIndexes
	var succeeded []int
	for _, pod := range v.tracked {
		if !mayStrip(v, end, pod, out) {
			continue
		}
		if len(a.strip) == burst {
			a.more = true
			break
		}
		a.strip = append(a.strip, pod)
		switch {
		case listed[pod.UID] || !v.countable(pod):
		case pod.Status.Phase == corev1.PodSucceeded:
			if isIndexed(v.job) {
				// Its index is what counts it: a set does not count twice.
				succeeded = append(succeeded, indexOf(pod))
			} else {
				s.UncountedTerminatedPods.Succeeded = append(s.UncountedTerminatedPods.Succeeded, pod.UID)
			}
		case countsAsFailed(v, end, pod) && judge(v.job.Spec.PodFailurePolicy, pod).counts():
			s.UncountedTerminatedPods.Failed = append(s.UncountedTerminatedPods.Failed, pod.UID)
		}
	}
	if !isIndexed(v.job) {
		return
	}
	known = known.with(succeeded)
	s.CompletedIndexes, s.Succeeded = known.String(), int32(known.total())
	if v.job.Spec.BackoffLimitPerIndex != nil {
		s.FailedIndexes = ptr.To(v.failedIndexes.String())
	}
}

// mayStrip reports whether the pod need not be tracked any longer: it has ended, or goes because the Job ends.
func mayStrip(v *view, end *batchv1.JobCondition, pod *corev1.Pod, out outcome) bool {
	ended := v.hasFailed(pod) || pod.Status.Phase == corev1.PodSucceeded
	switch {
	case out.stripped[pod.UID]:
		return false // it is done
	case pod.Status.Phase == corev1.PodSucceeded || v.job.DeletionTimestamp != nil:
		return true
	case stops(end):
		// A pod that was just stopped counts as what it is by then, which is seen only with its deletion: it may
		// have come to an end of its own. One that could not be deleted goes on, and may still come to count.
		return ended || pod.DeletionTimestamp != nil
	}
	// The last one of an index waits for the next, which takes over how often the index has failed.
	return ended && (out.barred || v.latest[indexOf(pod)] != pod)
}

// stops reports whether pods are stopped because the Job ends: unless it has come to its natural end.
func stops(end *batchv1.JobCondition) bool {
	return end != nil && end.Reason != batchv1.JobReasonCompletionsReached
}

// countsAsFailed: when a Job fails, so do the pods that this stops. When it succeeds early, they do not.
func countsAsFailed(v *view, end *batchv1.JobCondition, pod *corev1.Pod) bool {
	switch {
	case !stops(end):
		return v.hasFailed(pod)
	case end.Type == batchv1.JobFailureTarget:
		return true
	}
	return pod.Status.Phase == corev1.PodFailed && pod.DeletionTimestamp == nil
}

// conclude is the status once those pods have lost their finalizer: they are counted, and if that was all, the
// Job has ended.
func (a *account) conclude(job *batchv1.Job, stripped map[types.UID]bool) (status batchv1.JobStatus, ended bool) {
	status = *a.status.DeepCopy()
	s := &status
	move := func(list []types.UID, counter *int32) (left []types.UID) {
		for _, uid := range list {
			if stripped[uid] {
				*counter++
			} else {
				left = append(left, uid)
			}
		}
		return left
	}
	u := s.UncountedTerminatedPods
	u.Succeeded, u.Failed = move(u.Succeeded, &s.Succeeded), move(u.Failed, &s.Failed)
	if a.final == nil || a.more || len(stripped) < len(a.strip) || len(u.Succeeded)+len(u.Failed) > 0 || s.Active > 0 || *s.Terminating > 0 {
		return status, false
	}
	last := *a.final
	if s.StartTime == nil && ptr.Deref(job.Spec.Completions, 1) > 0 {
		s.StartTime = ptr.To(last.LastTransitionTime) // it was suspended, and had done its work all the same
	}
	if s.StartTime != nil && last.LastTransitionTime.Before(s.StartTime) {
		last.LastTransitionTime = *s.StartTime // a clock that is behind
	}
	setCondition(s, last)
	if last.Type == batchv1.JobComplete {
		s.CompletionTime = ptr.To(last.LastTransitionTime)
	}
	return status, true
}
