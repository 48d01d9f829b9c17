package statefulset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// observe is the status that the pods make, and after how long it changes by the
// passing of time alone; zero if it does not. An update that has reached every
// pod is complete: its revision becomes the current one.
func observe(v *view, collisions *int32) (appsv1.StatefulSetStatus, time.Duration) {
	status := appsv1.StatefulSetStatus{
		ObservedGeneration: v.set.Generation,
		CurrentRevision:    v.current,
		UpdateRevision:     v.update,
		CollisionCount:     collisions,
		Conditions:         v.set.Status.Conditions,
	}
	var next time.Duration
	for _, pod := range v.pods {
		if pod.Status.Phase == "" {
			continue
		}
		status.Replicas++
		if isReady(pod) {
			status.ReadyReplicas++
		}
		switch wait, ok := controller.AvailableIn(pod, v.set.Spec.MinReadySeconds, v.now); {
		case !ok || !isRunning(pod):
		case wait <= 0:
			status.AvailableReplicas++
		case next == 0 || wait < next:
			next = wait
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		if revisionOf(pod) == v.current {
			status.CurrentReplicas++
		}
		if revisionOf(pod) == v.update {
			status.UpdatedReplicas++
		}
	}
	if all := int32(wanted(v.set)); status.Replicas == all && status.UpdatedReplicas == all && status.ReadyReplicas == all {
		status.CurrentRevision, status.CurrentReplicas = status.UpdateRevision, status.UpdatedReplicas
	}
	return status, next
}

// sameStatus reports whether writing b over a would change nothing.
func sameStatus(a, b *appsv1.StatefulSetStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration &&
		a.Replicas == b.Replicas && a.ReadyReplicas == b.ReadyReplicas && a.AvailableReplicas == b.AvailableReplicas &&
		a.CurrentReplicas == b.CurrentReplicas && a.UpdatedReplicas == b.UpdatedReplicas &&
		a.CurrentRevision == b.CurrentRevision && a.UpdateRevision == b.UpdateRevision &&
		ptr.Equal(a.CollisionCount, b.CollisionCount)
}
