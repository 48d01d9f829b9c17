package horizontalpodautoscaler

import (
	"math"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// tolerances are how far the ratio of a metric to its target may be from 1 before anything is done.
type tolerances struct{ down, up float64 }

// allow says that nothing is to be done for the ratio.
func (t tolerances) allow(ratio float64) bool { return 1-t.down <= ratio && ratio <= 1+t.up }

func tolerancesOf(b *autoscalingv2.HorizontalPodAutoscalerBehavior, unset float64) tolerances {
	t := tolerances{down: unset, up: unset}
	if b != nil && b.ScaleDown != nil && b.ScaleDown.Tolerance != nil {
		t.down = b.ScaleDown.Tolerance.AsApproximateFloat64()
	}
	if b != nil && b.ScaleUp != nil && b.ScaleUp.Tolerance != nil {
		t.up = b.ScaleUp.Tolerance.AsApproximateFloat64()
	}
	return t
}

// wholeReplicas rounds up: no pod is to have more than its target.
func wholeReplicas(replicas float64) int32 {
	if math.IsNaN(replicas) {
		return 0
	}
	return int32(min(math.Ceil(replicas), math.MaxInt32))
}

// valueReplicas is for one value that describes all pods together: so many times the ready pods as it is of its
// target. Without any replica, so many as there are targets in it.
func valueReplicas(current, ready int32, value, target int64, t tolerances) int32 {
	ratio := float64(value) / float64(target)
	switch {
	case current == 0:
		return wholeReplicas(ratio)
	case t.allow(ratio):
		return current
	}
	return wholeReplicas(ratio * float64(ready))
}

// averageReplicas is for one value that the replicas share: so many that each has its target of it. The average
// that there is now is rounded up.
func averageReplicas(current int32, value, target int64, t tolerances) (replicas int32, average int64) {
	if current == 0 {
		return wholeReplicas(float64(value) / float64(target)), value
	}
	average = int64(math.Ceil(float64(value) / float64(current)))
	if t.allow(float64(value) / (float64(target) * float64(current))) {
		return current, average
	}
	return wholeReplicas(float64(value) / float64(target)), average
}
