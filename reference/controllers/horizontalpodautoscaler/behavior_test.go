package horizontalpodautoscaler

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

func policies(all ...autoscalingv2.HPAScalingPolicy) []autoscalingv2.HPAScalingPolicy { return all }

func podsPer(value, seconds int32) autoscalingv2.HPAScalingPolicy {
	return autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: value, PeriodSeconds: seconds}
}

func percentPer(value, seconds int32) autoscalingv2.HPAScalingPolicy {
	return autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: value, PeriodSeconds: seconds}
}

func ago(by int32, before time.Duration) change { return change{by, noon.Add(-before)} }

func TestLimits(t *testing.T) {
	const up, down = true, false
	most, least := autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect
	documented := policies(podsPer(4, 60), percentPer(10, 60))
	standard := policies(podsPer(4, 15), percentPer(100, 15))
	for name, c := range map[string]struct {
		up       bool
		choose   autoscalingv2.ScalingPolicySelect
		policies []autoscalingv2.HPAScalingPolicy
		history  history
		current  int32
		want     int32
	}{
		"the documentation's 80":                   {down, most, documented, history{}, 80, 72},
		"its 72: 7.2 is rounded up to 8":           {down, most, documented, history{}, 72, 64},
		"below 40 the pods policy":                 {down, most, documented, history{}, 38, 34},
		"the smallest change":                      {down, least, policies(percentPer(10, 60), podsPer(5, 60)), history{}, 100, 95},
		"the smallest change of few":               {down, least, policies(percentPer(10, 60), podsPer(5, 60)), history{}, 20, 18},
		"no scaling down":                          {down, autoscalingv2.DisabledPolicySelect, documented, history{}, 80, 80},
		"no scaling up":                            {up, autoscalingv2.DisabledPolicySelect, standard, history{}, 8, 8},
		"four pods":                                {up, most, standard, history{}, 1, 5},
		"or twice as many":                         {up, most, standard, history{}, 10, 20},
		"from none":                                {up, most, standard, history{}, 0, 4},
		"from none by share alone":                 {up, most, policies(percentPer(100, 15)), history{}, 0, 0},
		"a share of one is at least one":           {up, most, policies(percentPer(10, 15)), history{}, 1, 2},
		"four were added already":                  {up, most, policies(podsPer(4, 60)), history{ups: []change{ago(4, 30*time.Second)}}, 6, 6},
		"two of four were":                         {up, most, policies(podsPer(4, 60)), history{ups: []change{ago(2, 30*time.Second)}}, 6, 8},
		"the period is over":                       {up, most, policies(podsPer(4, 60)), history{ups: []change{ago(4, time.Minute)}}, 6, 10},
		"some were removed since":                  {up, most, policies(podsPer(4, 60)), history{downs: []change{ago(3, 30*time.Second)}}, 6, 13},
		"more than allowed were removed already":   {down, most, policies(podsPer(1, 60)), history{downs: []change{ago(3, 30*time.Second)}}, 6, 6},
		"shares count from the start of a period":  {down, most, policies(percentPer(50, 60)), history{downs: []change{ago(4, 30*time.Second)}}, 6, 5},
		"each policy has its own period":           {up, least, policies(podsPer(4, 60), podsPer(6, 600)), history{ups: []change{ago(5, 5*time.Minute)}}, 7, 8},
		"a share may take all, and more is no use": {down, most, policies(percentPer(100, 15)), history{}, 7, 0},
	} {
		d := direction{choose: c.choose, policies: c.policies}
		got := d.downLimit(&c.history, c.current, noon)
		if c.up {
			got = d.upLimit(&c.history, c.current, noon)
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestStabilize(t *testing.T) {
	h := &history{recommendations: []recommendation{
		{9, noon.Add(-10 * time.Minute)}, {6, noon.Add(-2 * time.Minute)}, {3, noon.Add(-30 * time.Second)},
	}}
	for name, c := range map[string]struct {
		current, wanted int32
		up, down        time.Duration
		want            int32
	}{
		"no windows":                     {5, 8, 0, 0, 8},
		"down no further than the last":  {6, 2, 0, time.Minute, 3},
		"nor than those before":          {7, 2, 0, 5 * time.Minute, 6},
		"nor at all":                     {5, 2, 0, 5 * time.Minute, 5},
		"all of them":                    {12, 2, 0, time.Hour, 9},
		"up no further than the lowest":  {2, 8, time.Minute, 0, 3},
		"nor at all because of one":      {4, 8, time.Minute, 0, 4},
		"both ways it stays as it is":    {4, 8, time.Hour, time.Hour, 4},
		"down from above the whole span": {8, 2, time.Hour, 5 * time.Minute, 6},
	} {
		if got := stabilize(h, c.current, c.wanted, c.up, c.down, noon); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestDirections(t *testing.T) {
	up, down := directions(&autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp:   &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](60)},
		ScaleDown: &autoscalingv2.HPAScalingRules{SelectPolicy: ptr.To(autoscalingv2.DisabledPolicySelect)},
	}, defaults)
	if up.window != time.Minute || up.choose != autoscalingv2.MaxChangePolicySelect || len(up.policies) != 2 {
		t.Errorf("up %+v", up)
	}
	if down.window != 5*time.Minute || down.choose != autoscalingv2.DisabledPolicySelect || len(down.policies) != 1 {
		t.Errorf("down %+v", down)
	}
}
