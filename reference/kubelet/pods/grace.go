package pods

import v1 "k8s.io/api/core/v1"

const (
	// defaultGrace is a pod's grace period if it does not say.
	defaultGrace = 30
	// smallGrace is what containers get before they are killed although their pod was deleted
	// by force (docs: pod-lifecycle, "Forced Pod termination"). Nothing is killed faster.
	smallGrace = 2
)

// Grace is how long the pod's containers may take to stop, in seconds.
func Grace(pod *v1.Pod, gone bool) int64 {
	grace := int64(defaultGrace)
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		grace = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.DeletionGracePeriodSeconds != nil {
		grace = *pod.DeletionGracePeriodSeconds
	}
	if gone {
		grace = min(grace, smallGrace)
	}
	return max(grace, 1)
}
