package controller

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// IsFinished reports whether all containers of the pod have ended for good.
func IsFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// IsActive reports whether the pod counts as a replica: it has neither finished
// nor been told to go.
func IsActive(pod *corev1.Pod) bool { return !IsFinished(pod) && pod.DeletionTimestamp == nil }

// IsTerminating reports whether the pod has been told to go and still runs.
func IsTerminating(pod *corev1.Pod) bool { return !IsFinished(pod) && pod.DeletionTimestamp != nil }

// PodCondition returns the pod's condition of the given type, or nil.
func PodCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// IsReady reports whether the pod's Ready condition is true.
func IsReady(pod *corev1.Pod) bool {
	ready := PodCondition(pod, corev1.PodReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// ReadySince is when the pod last became ready; zero if it is not ready.
func ReadySince(pod *corev1.Pod) time.Time {
	if !IsReady(pod) {
		return time.Time{}
	}
	return PodCondition(pod, corev1.PodReady).LastTransitionTime.Time
}

// AvailableIn says how long a ready pod still has to stay ready before it
// counts as available: zero or less if it is available now. A pod that is not
// ready has no such time, ok is false.
func AvailableIn(pod *corev1.Pod, minReadySeconds int32, now time.Time) (wait time.Duration, ok bool) {
	switch {
	case !IsReady(pod):
		return 0, false
	case minReadySeconds == 0:
		return 0, true
	case ReadySince(pod).IsZero():
		return 0, false
	}
	return ReadySince(pod).Add(time.Duration(minReadySeconds) * time.Second).Sub(now), true
}

// SetPodCondition adds the condition to the pod, or replaces the one of its
// type, keeping the transition time if the status is as before. It reports
// whether anything changed.
func SetPodCondition(pod *corev1.Pod, want corev1.PodCondition) bool {
	have := PodCondition(pod, want.Type)
	if have == nil {
		pod.Status.Conditions = append(pod.Status.Conditions, want)
		return true
	}
	if have.Status == want.Status {
		want.LastTransitionTime = have.LastTransitionTime
	}
	if *have == want {
		return false
	}
	*have = want
	return true
}
