package horizontalpodautoscaler

import (
	"math"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

// longestPeriod is as far as a policy may look back.
const longestPeriod = 30 * time.Minute

// direction is how scaling is held back one way, with nothing left unset.
type direction struct {
	window   time.Duration
	choose   autoscalingv2.ScalingPolicySelect
	policies []autoscalingv2.HPAScalingPolicy
}

// directions returns the rules of an autoscaler that has a behavior. The API server has filled in all but the
// window of scaling down, which is the controller's own setting.
func directions(b *autoscalingv2.HorizontalPodAutoscalerBehavior, o Options) (up, down direction) {
	up = direction{0, autoscalingv2.MaxChangePolicySelect, []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
		{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}}
	down = direction{o.DownscaleStabilization, autoscalingv2.MaxChangePolicySelect, []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}}
	up.set(b.ScaleUp)
	down.set(b.ScaleDown)
	return up, down
}

func (d *direction) set(r *autoscalingv2.HPAScalingRules) {
	if r == nil {
		return
	}
	if r.StabilizationWindowSeconds != nil {
		d.window = time.Duration(*r.StabilizationWindowSeconds) * time.Second
	}
	d.choose = ptr.Deref(r.SelectPolicy, d.choose)
	if len(r.Policies) > 0 {
		d.policies = r.Policies
	}
}

// stabilize returns the recommendation nearest to the current size that lies between the lowest of the window of
// scaling up and the highest of the window of scaling down, the wanted one among both.
func stabilize(h *history, current, wanted int32, up, down time.Duration, now time.Time) int32 {
	low, high := wanted, wanted
	for _, r := range h.recommendations {
		if r.at.After(now.Add(-up)) {
			low = min(low, r.replicas)
		}
		if r.at.After(now.Add(-down)) {
			high = max(high, r.replicas)
		}
	}
	return min(max(current, low), high)
}

// upLimit is the largest size that the policies of scaling up allow now.
func (d direction) upLimit(h *history, current int32, now time.Time) int32 {
	limit, ok := d.limit(h, current, now, true)
	if !ok {
		return current
	}
	return max(limit, current)
}

// downLimit is the smallest size that the policies of scaling down allow now.
func (d direction) downLimit(h *history, current int32, now time.Time) int32 {
	limit, ok := d.limit(h, current, now, false)
	if !ok {
		return current
	}
	return min(limit, current)
}

// limit is what the chosen policy allows. Each counts from the size at the start of its period: the current one
// without what was added and removed since.
func (d direction) limit(h *history, current int32, now time.Time, up bool) (limit int32, ok bool) {
	if d.choose == autoscalingv2.DisabledPolicySelect {
		return 0, false
	}
	for i, policy := range d.policies {
		period := time.Duration(policy.PeriodSeconds) * time.Second
		start := current - within(h.ups, period, now) + within(h.downs, period, now)
		allowed := policyLimit(policy, start, up)
		farther := up == (allowed > limit)
		if i == 0 || farther == (d.choose != autoscalingv2.MinChangePolicySelect) {
			limit = allowed
		}
	}
	return limit, len(d.policies) > 0
}

// policyLimit is where one policy leads to from the size at the start of its period. A share is rounded so that it
// always allows some change.
func policyLimit(policy autoscalingv2.HPAScalingPolicy, start int32, up bool) int32 {
	share := float64(start) * float64(policy.Value) / 100
	var limit float64
	switch isShare := policy.Type == autoscalingv2.PercentScalingPolicy; {
	case isShare && up:
		limit = math.Ceil(float64(start) + share)
	case isShare:
		limit = math.Floor(float64(start) - share)
	case up:
		limit = float64(start) + float64(policy.Value)
	default:
		limit = float64(start) - float64(policy.Value)
	}
	return int32(max(math.MinInt32, min(limit, math.MaxInt32)))
}
