package horizontalpodautoscaler

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

// verdict is what the size of the target alone demands, before any metric is asked.
type verdict int

const (
	measure verdict = iota // the metrics decide
	paused                 // someone has set the target to zero; it is left alone
	correct                // it is out of its bounds
)

// judge looks at the size alone. Where the metrics decide it returns nothing more.
func judge(spec *autoscalingv2.HorizontalPodAutoscalerSpec, status *autoscalingv2.HorizontalPodAutoscalerStatus, current int32) (v verdict, desired int32, reason string) {
	least := ptr.Deref(spec.MinReplicas, 1)
	switch {
	case current == 0 && !(scaledToZero(status) && (least > 0 || measuresWithoutPods(spec))):
		return paused, 0, ""
	case current == 0 && least > 0:
		// It was the autoscaler that went to zero, and it may no longer.
		return correct, least, "Current number of replicas below Spec.MinReplicas"
	case current > spec.MaxReplicas:
		return correct, spec.MaxReplicas, "Current number of replicas above Spec.MaxReplicas"
	case current < least:
		return correct, least, "Current number of replicas below Spec.MinReplicas"
	}
	return measure, current, ""
}

// measuresWithoutPods says that some metric is there even when no pod is.
func measuresWithoutPods(spec *autoscalingv2.HorizontalPodAutoscalerSpec) bool {
	for _, m := range spec.Metrics {
		if m.Type == autoscalingv2.ObjectMetricSourceType || m.Type == autoscalingv2.ExternalMetricSourceType {
			return true
		}
	}
	return false
}

// choose returns the proposal that asks for the most replicas. A metric that cannot be evaluated might ask for
// more: it stands in the way of scaling down, and if there is no other, of everything; best is nil then. The
// error tells of such metrics in either case.
func choose(proposals []proposal, current int32) (best *proposal, failure *proposal, err error) {
	failures := 0
	for i := range proposals {
		p := &proposals[i]
		switch {
		case p.err != nil:
			failures++
			if failure == nil {
				failure = p
			}
		case best == nil || p.replicas > best.replicas:
			best = p
		}
	}
	if failure != nil {
		err = fmt.Errorf("invalid metrics (%d invalid out of %d), first error is: %w", failures, len(proposals), failure.err)
		if best == nil || best.replicas < current {
			return nil, failure, err
		}
	}
	return best, failure, err
}

// plan returns how many replicas the target is to have now, given how many the metrics ask for, and why. It tells
// in the report what held it back, and notes in the history what was asked for.
func plan(spec *autoscalingv2.HorizontalPodAutoscalerSpec, current int32, best *proposal, h *history, o Options, r report) (desired int32, reason string) {
	wanted := best.replicas
	switch {
	case wanted > current:
		reason = best.name + " above target"
	case wanted < current:
		reason = "All metrics below target"
	}
	least := ptr.Deref(spec.MinReplicas, 1)
	var l limits
	stable := wanted
	if spec.Behavior == nil {
		stable = highest(h, wanted, o.DownscaleStabilization, r.now)
		h.recommend(wanted, r.now, o.DownscaleStabilization)
		l = plainLimits(current, least, spec.MaxReplicas)
	} else {
		up, down := directions(spec.Behavior, o)
		stable = stabilize(h, current, wanted, up.window, down.window, r.now)
		h.recommend(wanted, r.now, max(up.window, down.window))
		l = behaviorLimits(current, stable, least, spec.MaxReplicas, up, down, h, r.now)
	}
	switch {
	case stable == wanted:
		r.set(autoscalingv2.AbleToScale, true, "ReadyForNewScale", "recommended size matches current size")
	case spec.Behavior != nil && wanted >= current:
		r.set(autoscalingv2.AbleToScale, true, "ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation")
	default:
		r.set(autoscalingv2.AbleToScale, true, "ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation")
	}
	return l.apply(stable, r), reason
}

// highest is the highest recommendation of the window, the wanted one included.
func highest(h *history, wanted int32, window time.Duration, now time.Time) int32 {
	for _, r := range h.recommendations {
		if !r.at.Before(now.Add(-window)) {
			wanted = max(wanted, r.replicas)
		}
	}
	return wanted
}

// limits are the sizes between which the target has to stay just now, and what is said where they matter.
type limits struct {
	least, most       int32
	tooFew, tooMany   string // reasons
	fewText, manyText string
}

const (
	tooFewText  = "the desired replica count is less than the minimum replica count"
	tooManyText = "the desired replica count is more than the maximum replica count"
	upRateText  = "the desired replica count is increasing faster than the maximum scale rate"
	downText    = "the desired replica count is decreasing faster than the maximum scale rate"
)

// plainLimits are those of an autoscaler without a behavior: at most twice the size in one step, or 4.
func plainLimits(current, least, most int32) limits {
	l := limits{least, most, "TooFewReplicas", "TooManyReplicas", tooFewText, tooManyText}
	if rate := max(2*int64(current), 4); int64(most) > rate {
		l.most, l.tooMany, l.manyText = int32(rate), "ScaleUpLimit", upRateText
	}
	return l
}

// behaviorLimits are the bounds, and what the policies of the direction in question allow.
func behaviorLimits(current, stable, least, most int32, up, down direction, h *history, now time.Time) limits {
	l := limits{least, most, "TooFewReplicas", "TooManyReplicas", tooFewText, tooManyText}
	if stable > current {
		if rate := up.upLimit(h, current, now); most > rate {
			l.most, l.tooMany, l.manyText = rate, "ScaleUpLimit", upRateText
		}
	}
	if stable < current {
		if rate := down.downLimit(h, current, now); least < rate {
			l.least, l.tooFew, l.fewText = rate, "ScaleDownLimit", downText
		}
	}
	return l
}

func (l limits) apply(stable int32, r report) int32 {
	switch {
	case stable < l.least:
		r.set(autoscalingv2.ScalingLimited, true, l.tooFew, l.fewText)
		return l.least
	case stable > l.most:
		r.set(autoscalingv2.ScalingLimited, true, l.tooMany, l.manyText)
		return l.most
	}
	r.set(autoscalingv2.ScalingLimited, false, "DesiredWithinRange", "the desired count is within the acceptable range")
	return stable
}
