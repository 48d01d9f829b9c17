package horizontalpodautoscaler

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func drawRules(t *rapid.T, name string) *autoscalingv2.HPAScalingRules {
	r := &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To(rapid.Int32Range(0, 300).Draw(t, name+" window")),
		SelectPolicy:               ptr.To(rapid.SampledFrom([]autoscalingv2.ScalingPolicySelect{"Max", "Min", "Disabled"}).Draw(t, name+" choice")),
	}
	for range rapid.IntRange(1, 3).Draw(t, name+" policies") {
		r.Policies = append(r.Policies, autoscalingv2.HPAScalingPolicy{
			Type:          rapid.SampledFrom([]autoscalingv2.HPAScalingPolicyType{autoscalingv2.PodsScalingPolicy, autoscalingv2.PercentScalingPolicy}).Draw(t, "type"),
			Value:         rapid.Int32Range(1, 120).Draw(t, "value"),
			PeriodSeconds: rapid.Int32Range(1, 300).Draw(t, "period"),
		})
	}
	return r
}

// step is one look at a target, in the order of time.
type step struct {
	at                     time.Time
	before, wanted, result int32
}

// A target that the autoscaler alone scales: whatever its metrics ask for, whenever it looks, the size stays within
// its bounds, no change is larger than the policies allow over any of their periods, nothing is taken away that the
// window's recommendations want, nothing added that they do not, and what asks for no change leads to none.
func TestPlanKeepsWhatTheBehaviorPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		least := rapid.Int32Range(0, 10).Draw(t, "least")
		spec := externalSpec(least, rapid.Int32Range(max(1, least), 60).Draw(t, "most"))
		if rapid.Bool().Draw(t, "behavior") {
			spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: drawRules(t, "up"), ScaleDown: drawRules(t, "down")}
		}
		current := rapid.Int32Range(least, spec.MaxReplicas).Draw(t, "current")
		h, now := &history{}, noon
		h.begin(current, now)
		steps := []step{{now, current, current, current}}
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "after")) * time.Second)
			wanted := rapid.Int32Range(0, 80).Draw(t, "wanted")
			got, _ := plan(spec, current, &proposal{replicas: wanted, name: "m"}, h, defaults, report{&autoscalingv2.HorizontalPodAutoscalerStatus{}, 1, now})
			steps = append(steps, step{now, current, wanted, got})
			if got < *spec.MinReplicas || got > spec.MaxReplicas {
				t.Fatalf("%d is out of bounds %d to %d", got, *spec.MinReplicas, spec.MaxReplicas)
			}
			if spec.Behavior != nil {
				checkWindows(t, spec, steps)
				checkPolicies(t, spec, steps)
			}
			h.scaled(current, got, now)
			current = got
		}
	})
}

func checkWindows(t *rapid.T, spec *autoscalingv2.HorizontalPodAutoscalerSpec, steps []step) {
	last := steps[len(steps)-1]
	up, down := directions(spec.Behavior, defaults)
	for _, s := range steps {
		if last.result > last.before && s.at.After(last.at.Add(-up.window)) && s.wanted < last.result {
			t.Fatalf("added to %d, though %d was enough %s before", last.result, s.wanted, last.at.Sub(s.at))
		}
		if last.result < last.before && s.at.After(last.at.Add(-down.window)) && s.wanted > last.result && last.result > *spec.MinReplicas {
			t.Fatalf("down to %d, though %d were wanted %s before", last.result, s.wanted, last.at.Sub(s.at))
		}
	}
	if last.wanted == last.before && last.result != last.before {
		t.Fatalf("from %d to %d, though no change is asked for", last.before, last.result)
	}
}

// checkPolicies: among those allowed to decide, one policy must permit the change over its period.
func checkPolicies(t *rapid.T, spec *autoscalingv2.HorizontalPodAutoscalerSpec, steps []step) {
	last := steps[len(steps)-1]
	up, down := directions(spec.Behavior, defaults)
	d, grows := down, last.result > last.before
	if grows {
		d = up
	}
	if last.result == last.before {
		return
	}
	if d.choose == autoscalingv2.DisabledPolicySelect {
		t.Fatalf("from %d to %d, though that is disabled", last.before, last.result)
	}
	permitted, all := false, true
	for _, policy := range d.policies {
		limit := policyLimit(policy, sizeAt(steps, last.at.Add(-time.Duration(policy.PeriodSeconds)*time.Second)), grows)
		ok := grows && last.result <= limit || !grows && last.result >= limit
		permitted, all = permitted || ok, all && ok
	}
	if !permitted || d.choose == autoscalingv2.MinChangePolicySelect && !all {
		t.Fatalf("from %d to %d is more than %s of %+v permits, after %+v", last.before, last.result, d.choose, d.policies, steps)
	}
}

// sizeAt is the size that the target had at that time, once whatever was done then had been done.
func sizeAt(steps []step, at time.Time) int32 {
	size := steps[0].before
	for _, s := range steps[:len(steps)-1] {
		if !s.at.After(at) {
			size = s.result
		}
	}
	return size
}
