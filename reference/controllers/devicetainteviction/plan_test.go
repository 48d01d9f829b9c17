package devicetainteviction

import (
	"testing"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	none       = resourcev1.DeviceTaintEffectNone
	noSchedule = resourcev1.DeviceTaintEffectNoSchedule
	noExecute  = resourcev1.DeviceTaintEffectNoExecute
	equal      = resourcev1.DeviceTolerationOpEqual
	exists     = resourcev1.DeviceTolerationOpExists
)

func newTaint(key, value string, effect resourcev1.DeviceTaintEffect) taint {
	return taint{DeviceTaint: resourcev1.DeviceTaint{Key: key, Value: value, Effect: effect}, since: t0}
}

func TestTolerates(t *testing.T) {
	for _, c := range []struct {
		by   resourcev1.DeviceToleration
		t    taint
		want bool
	}{
		{resourcev1.DeviceToleration{Key: "k", Operator: exists}, newTaint("k", "v", noExecute), true},
		{resourcev1.DeviceToleration{Key: "k", Operator: exists}, newTaint("other", "v", noExecute), false},
		{resourcev1.DeviceToleration{Operator: exists}, newTaint("k", "v", noExecute), true},
		{resourcev1.DeviceToleration{Operator: exists, Effect: noSchedule}, newTaint("k", "v", noExecute), false},
		{resourcev1.DeviceToleration{Operator: exists, Effect: noExecute}, newTaint("k", "v", noExecute), true},
		{resourcev1.DeviceToleration{Key: "k", Operator: equal, Value: "v"}, newTaint("k", "v", noExecute), true},
		{resourcev1.DeviceToleration{Key: "k", Operator: equal, Value: "w"}, newTaint("k", "v", noExecute), false},
		{resourcev1.DeviceToleration{Key: "k", Value: "v"}, newTaint("k", "v", noExecute), true},
		{resourcev1.DeviceToleration{Key: "k"}, newTaint("k", "v", noExecute), false},
		{resourcev1.DeviceToleration{Key: "k", Operator: "Like", Value: "v"}, newTaint("k", "v", noExecute), false},
	} {
		if got := tolerates(&c.by, &c.t.DeviceTaint); got != c.want {
			t.Errorf("%+v tolerates %+v: %t", c.by, c.t.DeviceTaint, got)
		}
	}
}

func TestDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		t    taint
		by   []resourcev1.DeviceToleration
		want time.Duration // negative: it stays
	}{
		"no toleration":       {t: newTaint("k", "", noExecute)},
		"no execution":        {t: newTaint("k", "", noSchedule), want: -1},
		"no effect":           {t: newTaint("k", "", none), want: -1},
		"an effect to come":   {t: newTaint("k", "", "Explode"), want: -1},
		"tolerated":           {t: newTaint("k", "", noExecute), by: []resourcev1.DeviceToleration{{Operator: exists}}, want: -1},
		"another's":           {t: newTaint("k", "", noExecute), by: []resourcev1.DeviceToleration{{Key: "l", Operator: exists}}},
		"for a minute":        {t: newTaint("k", "", noExecute), by: []resourcev1.DeviceToleration{{Operator: exists, TolerationSeconds: ptr.To[int64](60)}}, want: time.Minute},
		"for a negative time": {t: newTaint("k", "", noExecute), by: []resourcev1.DeviceToleration{{Operator: exists, TolerationSeconds: ptr.To[int64](-60)}}},
		"the shortest": {t: newTaint("k", "", noExecute), by: []resourcev1.DeviceToleration{
			{Operator: exists}, {Key: "k", TolerationSeconds: ptr.To[int64](90)}, {Operator: exists, TolerationSeconds: ptr.To[int64](60)}}, want: time.Minute},
	} {
		at, leaves := deadline(c.by, c.t)
		if leaves != (c.want >= 0) || leaves && at.Sub(t0) != c.want {
			t.Errorf("%s: %s, %t", name, at.Sub(t0), leaves)
		}
	}
}

func newRule(name string, selector *resourcev1.DeviceTaintSelector, effect resourcev1.DeviceTaintEffect) *resourcev1.DeviceTaintRule {
	return &resourcev1.DeviceTaintRule{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-rule", Generation: 1, CreationTimestamp: metav1.NewTime(t0)},
		Spec: resourcev1.DeviceTaintRuleSpec{DeviceSelector: selector, Taint: resourcev1.DeviceTaint{Key: "k", Effect: effect}}}
}

func TestSelects(t *testing.T) {
	d := device{"d", "p", "gpu-0"}
	for _, c := range []struct {
		selector *resourcev1.DeviceTaintSelector
		want     bool
	}{
		{nil, false},
		{&resourcev1.DeviceTaintSelector{}, true},
		{&resourcev1.DeviceTaintSelector{Driver: ptr.To("d")}, true},
		{&resourcev1.DeviceTaintSelector{Driver: ptr.To("e")}, false},
		{&resourcev1.DeviceTaintSelector{Pool: ptr.To("p"), Device: ptr.To("gpu-0")}, true},
		{&resourcev1.DeviceTaintSelector{Pool: ptr.To("p"), Device: ptr.To("gpu-1")}, false},
		{&resourcev1.DeviceTaintSelector{Driver: ptr.To("d"), Pool: ptr.To("q")}, false},
	} {
		if got := selects(newRule("r", c.selector, noExecute), d); got != c.want {
			t.Errorf("%+v: %t", c.selector, got)
		}
	}
}

func TestCurrentSlices(t *testing.T) {
	of := func(name string, generation int64) *resourcev1.ResourceSlice {
		return &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: resourcev1.ResourceSliceSpec{Pool: resourcev1.ResourcePool{Generation: generation}}}
	}
	got := current([]*resourcev1.ResourceSlice{of("a", 1), of("b", 2), of("c", 1), of("d", 2)})
	if len(got) != 2 || got[0].Name != "b" || got[1].Name != "d" {
		t.Errorf("%v", got)
	}
}

// A verdict is that of the worst of the taints; what is tolerated for ever, and more tolerations without a limit for
// what is not tolerated yet, never make it worse.
func TestJudgeProperty(t *testing.T) {
	key := rapid.SampledFrom([]string{"a", "b"})
	drawToleration := rapid.Custom(func(t *rapid.T) resourcev1.DeviceToleration {
		d := resourcev1.DeviceToleration{Key: key.Draw(t, "key"), Operator: exists}
		if rapid.Bool().Draw(t, "limited") {
			d.TolerationSeconds = ptr.To(rapid.Int64Range(-10, 1000).Draw(t, "seconds"))
		}
		return d
	})
	drawTaint := rapid.Custom(func(t *rapid.T) taint {
		made := newTaint(key.Draw(t, "key"), "", rapid.SampledFrom([]resourcev1.DeviceTaintEffect{none, noSchedule, noExecute}).Draw(t, "effect"))
		made.since = t0.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "since")) * time.Second)
		return made
	})
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"gpu-0", "gpu-1", "gpu-2"}
		on := map[string][]taint{}
		var results []resourcev1.DeviceRequestAllocationResult
		for _, name := range names {
			on[name] = rapid.SliceOfN(drawTaint, 0, 3).Draw(t, name)
			results = append(results, resourcev1.DeviceRequestAllocationResult{Driver: "d", Pool: "p", Device: name,
				Tolerations: rapid.SliceOfN(drawToleration, 0, 3).Draw(t, "tolerations of "+name)})
		}
		taints := func(d device) []taint { return on[d.name] }
		claim := func(results []resourcev1.DeviceRequestAllocationResult) []*resourcev1.ResourceClaim {
			return []*resourcev1.ResourceClaim{{Status: resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{
				Devices: resourcev1.DeviceAllocationResult{Results: results}}}}}
		}
		whole := judge(claim(results), taints)
		leaves, first := false, time.Time{}
		for _, r := range results {
			v := judge(claim([]resourcev1.DeviceRequestAllocationResult{r}), taints)
			if v.leaves && (!leaves || v.at.Before(first)) {
				leaves, first = true, v.at
			}
			for _, on := range on[r.Device] {
				if at, due := deadline(r.Tolerations, on); due && (at.Before(on.since) || on.Effect != noExecute) {
					t.Fatalf("%+v has to go at %s", on, at)
				}
			}
		}
		if whole.leaves != leaves || leaves && !whole.at.Equal(first) {
			t.Fatalf("all together: %t %s, one by one: %t %s", whole.leaves, whole.at, leaves, first)
		}
		for i := range results {
			// Whoever tolerates all that there is, for ever, stays.
			results[i].Tolerations = []resourcev1.DeviceToleration{{Operator: exists}}
		}
		if v := judge(claim(results), taints); v.leaves {
			t.Fatalf("all is tolerated, but: %+v", v)
		}
	})
}

func TestCondition(t *testing.T) {
	told := func(generation int64, status metav1.ConditionStatus, reason, message string) *metav1.Condition {
		return &metav1.Condition{Type: "EvictionInProgress", Status: status, ObservedGeneration: generation, Reason: reason, Message: message,
			LastTransitionTime: metav1.NewTime(t0)}
	}
	now := t0.Add(time.Hour)
	for name, c := range map[string]struct {
		effect resourcev1.DeviceTaintEffect
		have   *metav1.Condition
		p      progress
		want   *metav1.Condition // its time is set below
		since  time.Time
	}{
		"nothing to do": {effect: noExecute, want: told(1, "False", "NotStarted", ""), since: now},
		"begins": {effect: noExecute, p: progress{pods: 1, namespaces: 1}, since: now,
			want: told(1, "True", "PodsPendingEviction", "1 pod needs to be evicted in 1 namespace.")},
		"goes on": {effect: noExecute, p: progress{pods: 2, namespaces: 2, evicted: 1}, have: told(1, "True", "PodsPendingEviction", "3 …"), since: t0,
			want: told(1, "True", "PodsPendingEviction", "2 pods need to be evicted in 2 different namespaces. 1 pod evicted since starting the controller.")},
		"ends": {effect: noExecute, p: progress{evicted: 3}, have: told(1, "True", "PodsPendingEviction", "3 …"), since: now,
			want: told(1, "False", "Completed", "3 pods evicted since starting the controller.")},
		"has ended":                {effect: noExecute, p: progress{evicted: 1}, have: told(1, "False", "Completed", "1 pod evicted since starting the controller.")},
		"another process ended it": {effect: noExecute, have: told(1, "False", "Completed", "1 pod evicted since starting the controller.")},
		"no scheduling":            {effect: noSchedule, p: progress{pods: 2}, want: told(1, "False", "EffectNoSchedule", ""), since: now},
		"a dry run": {effect: none, p: progress{pods: 1, namespaces: 1, published: 3, allocated: 1}, since: now,
			want: told(1, "False", "NoEffect", "3 published devices selected. 1 allocated device selected. 1 pod would be evicted in 1 namespace if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update.")},
		"a dry run that was told":   {effect: none, p: progress{pods: 7}, have: told(1, "False", "NoEffect", "…")},
		"a dry run of another spec": {effect: none, have: told(0, "False", "Completed", "…"), want: told(1, "False", "NoEffect", "0 published devices selected. 0 allocated devices selected. 0 pods would be evicted in 0 different namespaces if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."), since: t0},
	} {
		rule := newRule("r", nil, c.effect)
		if c.have != nil {
			rule.Status.Conditions = []metav1.Condition{*c.have}
		}
		got := condition(rule, c.p, now)
		if c.want != nil {
			c.want.LastTransitionTime = metav1.NewTime(c.since)
		}
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, c.want)
		}
	}
}
