package controller

import corev1 "k8s.io/api/core/v1"

// FalseFirst compares for a sort in which what is not so comes before what is.
func FalseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// PhaseRank is the lower, the less has been put into the pod: pending, unknown, any other phase.
func PhaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodPending, "":
		return 0
	case corev1.PodUnknown:
		return 1
	}
	return 2
}

// Restarts is the highest restart count among the pod's containers.
func Restarts(pod *corev1.Pod) (most int32) {
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}
