package horizontalpodautoscaler

import (
	"errors"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func externalSpec(least, most int32) *autoscalingv2.HorizontalPodAutoscalerSpec {
	return &autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &least, MaxReplicas: most,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType}}}
}

func TestJudge(t *testing.T) {
	byItself := autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
		{Type: autoscalingv2.ScaledToZero, Status: corev1.ConditionTrue}}}
	wasOnce := autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
		{Type: autoscalingv2.ScaledToZero, Status: corev1.ConditionFalse}}}
	cpuOnly := externalSpec(0, 5)
	cpuOnly.Metrics[0].Type = autoscalingv2.ResourceMetricSourceType
	for name, c := range map[string]struct {
		spec    *autoscalingv2.HorizontalPodAutoscalerSpec
		status  autoscalingv2.HorizontalPodAutoscalerStatus
		current int32
		verdict verdict
		desired int32
		reason  string
	}{
		"within bounds":                     {externalSpec(1, 5), wasOnce, 3, measure, 3, ""},
		"too many":                          {externalSpec(1, 5), wasOnce, 6, correct, 5, "Current number of replicas above Spec.MaxReplicas"},
		"too few":                           {externalSpec(3, 5), wasOnce, 2, correct, 3, "Current number of replicas below Spec.MinReplicas"},
		"someone set it to zero":            {externalSpec(1, 5), wasOnce, 0, paused, 0, ""},
		"though it might go there":          {externalSpec(0, 5), wasOnce, 0, paused, 0, ""},
		"and never has been scaled":         {externalSpec(0, 5), autoscalingv2.HorizontalPodAutoscalerStatus{}, 0, paused, 0, ""},
		"it went to zero itself":            {externalSpec(0, 5), byItself, 0, measure, 0, ""},
		"and may no longer":                 {externalSpec(2, 5), byItself, 0, correct, 2, "Current number of replicas below Spec.MinReplicas"},
		"no metric could bring it back":     {cpuOnly, byItself, 0, paused, 0, ""},
		"one when nothing is said of least": {&autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 5}, wasOnce, 1, measure, 1, ""},
	} {
		v, desired, reason := judge(c.spec, &c.status, c.current)
		if v != c.verdict || desired != c.desired || reason != c.reason {
			t.Errorf("%s: %d, %d, %q", name, v, desired, reason)
		}
	}
}

func TestChoose(t *testing.T) {
	broken := proposal{err: errors.New("no metrics"), reason: "FailedGetExternalMetric", message: "none"}
	ask := func(n int32) proposal { return proposal{replicas: n} }
	for name, c := range map[string]struct {
		proposals []proposal
		want      int32 // of 5 now; -1 for no decision
		err       string
	}{
		"the only one":                         {[]proposal{ask(3)}, 3, ""},
		"the highest":                          {[]proposal{ask(3), ask(9), ask(7)}, 9, ""},
		"zero is a number too":                 {[]proposal{ask(0)}, 0, ""},
		"none works":                           {[]proposal{broken, broken}, -1, "invalid metrics (2 invalid out of 2), first error is: no metrics"},
		"one does, and asks for more":          {[]proposal{broken, ask(8)}, 8, "invalid metrics (1 invalid out of 2), first error is: no metrics"},
		"one does, and is content":             {[]proposal{ask(5), broken}, 5, "(1 invalid out of 2)"},
		"one does, and would take pods away":   {[]proposal{ask(4), broken}, -1, "(1 invalid out of 2)"},
		"all that do would, however many work": {[]proposal{ask(4), broken, ask(2)}, -1, "(1 invalid out of 3)"},
	} {
		best, _, err := choose(c.proposals, 5)
		got := int32(-1)
		if best != nil {
			got = best.replicas
		}
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %d, error %v", name, got, err)
		}
	}
}

func TestPlan(t *testing.T) {
	window := func(seconds int32) *autoscalingv2.HPAScalingRules {
		return &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &seconds}
	}
	immediate := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: window(0)}
	slowUp := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: window(300)}
	byOne := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To[int32](0), Policies: policies(podsPer(1, 15))}}
	for name, c := range map[string]struct {
		behavior        *autoscalingv2.HorizontalPodAutoscalerBehavior
		current, wanted int32
		want            int32
		reason          string
		able, limited   string
	}{
		"up":                              {nil, 4, 6, 6, "m above target", "ReadyForNewScale", "DesiredWithinRange"},
		"up faster than may be":           {nil, 4, 9, 8, "m above target", "ReadyForNewScale", "ScaleUpLimit"},
		"up to four at once":              {nil, 1, 9, 4, "m above target", "ReadyForNewScale", "ScaleUpLimit"},
		"up beyond the most":              {nil, 8, 30, 10, "m above target", "ReadyForNewScale", "TooManyReplicas"},
		"it stays":                        {nil, 4, 4, 4, "", "ReadyForNewScale", "DesiredWithinRange"},
		"down is put off":                 {nil, 4, 3, 4, "All metrics below target", "ScaleDownStabilized", "DesiredWithinRange"},
		"down at once":                    {immediate, 4, 3, 3, "All metrics below target", "ReadyForNewScale", "DesiredWithinRange"},
		"down below the least":            {immediate, 4, 0, 2, "All metrics below target", "ReadyForNewScale", "TooFewReplicas"},
		"down faster than may be":         {byOne, 8, 3, 7, "All metrics below target", "ReadyForNewScale", "ScaleDownLimit"},
		"up is put off":                   {slowUp, 4, 8, 4, "m above target", "ScaleUpStabilized", "DesiredWithinRange"},
		"up faster than the policy":       {immediate, 2, 10, 6, "m above target", "ReadyForNewScale", "ScaleUpLimit"},
		"up beyond the most, by behavior": {immediate, 8, 30, 10, "m above target", "ReadyForNewScale", "TooManyReplicas"},
	} {
		spec := externalSpec(2, 10)
		spec.Behavior = c.behavior
		h := &history{}
		h.begin(c.current, noon.Add(-time.Minute))
		r := report{&autoscalingv2.HorizontalPodAutoscalerStatus{}, 3, noon}
		got, reason := plan(spec, c.current, &proposal{replicas: c.wanted, name: "m"}, h, defaults, r)
		if got != c.want || reason != c.reason {
			t.Errorf("%s: %d, %q; want %d, %q", name, got, reason, c.want, c.reason)
		}
		able, limited := condition(r.status, autoscalingv2.AbleToScale), condition(r.status, autoscalingv2.ScalingLimited)
		if able.Reason != c.able || able.Status != corev1.ConditionTrue || limited.Reason != c.limited ||
			(limited.Status == corev1.ConditionTrue) != (c.limited != "DesiredWithinRange") {
			t.Errorf("%s: conditions %+v", name, r.status.Conditions)
		}
		if *able.ObservedGeneration != 3 {
			t.Errorf("%s: the condition is of generation %d", name, *able.ObservedGeneration)
		}
	}
}

func TestConditionsKeepTheirTime(t *testing.T) {
	r := report{&autoscalingv2.HorizontalPodAutoscalerStatus{}, 0, noon}
	r.set(autoscalingv2.AbleToScale, true, "A", "a")
	r.now = noon.Add(time.Hour)
	r.set(autoscalingv2.AbleToScale, true, "B", "b")
	if c := condition(r.status, autoscalingv2.AbleToScale); !c.LastTransitionTime.Time.Equal(noon) || c.Reason != "B" || c.Message != "b" {
		t.Errorf("same status: %+v", c)
	}
	r.set(autoscalingv2.AbleToScale, false, "C", "c")
	if c := condition(r.status, autoscalingv2.AbleToScale); c.LastTransitionTime.Time.Equal(noon) || len(r.status.Conditions) != 1 {
		t.Errorf("another status: %+v", r.status.Conditions)
	}
}
