package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Texts of conditions and events.
const (
	backoffLimitMessage     = "Job has reached the specified backoff limit"
	deadlineMessage         = "Job was active longer than specified deadline"
	maxFailedIndexesMessage = "Job has exceeded the specified maximal number of failed indexes"
	failedIndexesMessage    = "Job has failed indexes"
	completionsMessage      = "Reached expected number of succeeded pods"
	successPolicyMessage    = "Matched rules at index %d"

	suspendedReason, suspendedEvent, suspendedMessage = "JobSuspended", "Suspended", "Job suspended"
	resumedReason, resumedEvent, resumedMessage       = "JobResumed", "Resumed", "Job resumed"

	completedEvent, completedMessage = "Completed", "Job completed"
	tooManyEvent, tooManyMessage     = "TooManySucceededPods", "Too many succeeded pods running after completion count reached"
	unknownModeEvent                 = "UnknownCompletionMode"
	unknownModeMessage               = "Skipped Job sync because completion mode is unknown"
)

func newCondition(kind batchv1.JobConditionType, status corev1.ConditionStatus, reason, message string, now time.Time) batchv1.JobCondition {
	at := metav1.NewTime(now)
	return batchv1.JobCondition{Type: kind, Status: status, Reason: reason, Message: message, LastProbeTime: at, LastTransitionTime: at}
}

// trueCondition returns the condition of the type if it is true, else nil.
func trueCondition(status *batchv1.JobStatus, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range status.Conditions {
		if c := &status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// setCondition writes the condition and reports whether that changed anything. That something is not so is
// worth saying only if it was.
func setCondition(status *batchv1.JobStatus, want batchv1.JobCondition) bool {
	for i := range status.Conditions {
		have := &status.Conditions[i]
		if have.Type != want.Type {
			continue
		}
		if have.Status == want.Status && have.Reason == want.Reason && have.Message == want.Message {
			return false
		}
		*have = want
		return true
	}
	if want.Status == corev1.ConditionFalse {
		return false
	}
	status.Conditions = append(status.Conditions, want)
	return true
}

// isFinished reports whether the Job has ended, after which its status never changes.
func isFinished(job *batchv1.Job) bool {
	return trueCondition(&job.Status, batchv1.JobComplete) != nil || trueCondition(&job.Status, batchv1.JobFailed) != nil
}

// final is the condition that follows the announcement of the end.
func final(announced *batchv1.JobCondition, now time.Time) batchv1.JobCondition {
	kind := batchv1.JobFailed
	if announced.Type == batchv1.JobSuccessCriteriaMet {
		kind = batchv1.JobComplete
	}
	return newCondition(kind, corev1.ConditionTrue, announced.Reason, announced.Message, now)
}
