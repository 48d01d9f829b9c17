package deployment

import (
	"math"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// wanted is the number of replicas the Deployment asks for.
func wanted(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

func isRolling(d *appsv1.Deployment) bool {
	return d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType
}

// bounds returns by how many pods a rolling update may exceed the wanted number
// and how many of them may be unavailable. Percentages of the surge round up,
// those of the unavailable round down; if that leaves no room at all, one pod
// may be unavailable, or nothing could ever move.
func bounds(d *appsv1.Deployment) (surge, unavailable int32) {
	if !isRolling(d) {
		return 0, 0
	}
	replicas := wanted(d)
	var rolling appsv1.RollingUpdateDeployment
	if d.Spec.Strategy.RollingUpdate != nil {
		rolling = *d.Spec.Strategy.RollingUpdate
	}
	surge = share(rolling.MaxSurge, replicas, true)
	unavailable = share(rolling.MaxUnavailable, replicas, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, min(unavailable, replicas)
}

// share is value of total, or the default of 25 % if it is unset or malformed.
func share(value *intstr.IntOrString, total int32, roundUp bool) int32 {
	quarter := intstr.FromString("25%")
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, quarter), int(total), roundUp)
	if err != nil {
		n, _ = intstr.GetScaledValueFromIntOrPercent(&quarter, int(total), roundUp)
	}
	return int32(min(max(n, 0), math.MaxInt32))
}

// mostPods is the number of pods up to which the Deployment may grow while it
// rolls. A Deployment of none has no need of a surge.
func mostPods(d *appsv1.Deployment) int32 {
	if wanted(d) == 0 {
		return 0
	}
	surge, _ := bounds(d)
	return wanted(d) + surge
}

// leastAvailable is the number of pods that must be available throughout.
func leastAvailable(d *appsv1.Deployment) int32 {
	_, unavailable := bounds(d)
	return wanted(d) - unavailable
}
