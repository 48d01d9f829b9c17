package daemonset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// observe counts the set's pods. Of several pods of a node the senior one
// counts. Next is when a ready pod will become available, zero if all are.
func observe(v *view) (status appsv1.DaemonSetStatus, next time.Duration) {
	status = *v.set.Status.DeepCopy()
	status.ObservedGeneration = v.set.Generation
	var desired, current, misscheduled, ready, available, updated int32
	for _, s := range v.sites {
		if s.gone {
			continue
		}
		if !s.run {
			if len(s.pods) > 0 {
				misscheduled++
			}
			continue
		}
		desired++
		for _, pod := range s.pods {
			if wait, ok := controller.AvailableIn(pod, v.set.Spec.MinReadySeconds, v.now); ok && wait > 0 && (next == 0 || wait < next) {
				next = wait
			}
		}
		if len(s.pods) == 0 {
			continue
		}
		current++
		pod := s.pods[0]
		if controller.IsReady(pod) {
			ready++
		}
		if v.available(pod) {
			available++
		}
		if v.current(pod) {
			updated++
		}
	}
	status.DesiredNumberScheduled = desired
	status.CurrentNumberScheduled = current
	status.NumberMisscheduled = misscheduled
	status.NumberReady = ready
	status.NumberAvailable = available
	status.NumberUnavailable = desired - available
	status.UpdatedNumberScheduled = updated
	return status, next
}
