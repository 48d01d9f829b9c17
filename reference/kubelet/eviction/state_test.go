package eviction

import (
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

var at0 = time.Unix(1_000_000, 0)

func TestAShortageFromItsBeginningToItsEnd(t *testing.T) {
	all := []Threshold{
		{Signal: MemoryAvailable, Value: quantity("100"), Reclaim: quantity("50")},
		{Signal: MemoryAvailable, Value: quantity("300"), Soft: true, Grace: time.Minute},
	}
	var s State
	for _, step := range []struct {
		after     time.Duration
		available int64
		pressure  bool
		act       int
		why       string
	}{
		{0, 400, false, 0, "enough"},
		{1 * time.Second, 299, true, 0, "soft, its grace period begins"},
		{60 * time.Second, 299, true, 0, "still within it"},
		{61 * time.Second, 299, true, 1, "it is over"},
		{62 * time.Second, 99, true, 2, "hard"},
		{63 * time.Second, 149, true, 2, "more than the hard threshold, less than its minimum reclaim"},
		{64 * time.Second, 150, true, 1, "reclaimed: the soft one is left"},
		{65 * time.Second, 300, true, 0, "over, the condition stays"},
		{65*time.Second + 4*time.Minute, 99, true, 1, "again, the soft one's grace period anew"},
		{65*time.Second + 8*time.Minute, 300, true, 0, "over"},
		{65*time.Second + 9*time.Minute, 300, false, 0, "for the transition period"},
	} {
		var f Finding
		s, f = s.Look(all, map[Signal]Observation{MemoryAvailable: {Available: step.available, Capacity: 1000}}, at0.Add(step.after), 5*time.Minute)
		if got := slices.Contains(f.Conditions, v1.NodeMemoryPressure); got != step.pressure || len(f.Act) != step.act {
			t.Fatalf("%v (%s): pressure %v, %d to act on; want %v, %d", step.after, step.why, got, len(f.Act), step.pressure, step.act)
		}
	}
}

func TestWhatNobodyObservesIsNotShort(t *testing.T) {
	_, f := State{}.Look([]Threshold{{Signal: ContainerFsAvailable, Value: quantity("1")}}, nil, at0, 0)
	if len(f.Act)+len(f.Conditions) != 0 {
		t.Errorf("got %+v", f)
	}
}

// Whatever comes: what acts is met (or not yet reclaimed), soft thresholds act only after their grace period,
// what acts shows in a condition, and a condition lasts for the transition period at least.
func TestLookKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 100)
		all := []Threshold{
			{Signal: MemoryAvailable, Value: Amount{share: 0.3}, Reclaim: Amount{share: 0.1}},
			{Signal: MemoryAvailable, Value: Amount{share: 0.5}, Soft: true, Grace: time.Duration(rapid.IntRange(0, 90).Draw(t, "grace")) * time.Second},
			{Signal: NodeFsAvailable, Value: Amount{share: 0.1}},
		}
		transition := time.Duration(rapid.IntRange(1, 120).Draw(t, "transition")) * time.Second
		var s State
		now, met, last := at0, map[int]time.Time{}, map[v1.NodeConditionType]time.Time{}
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "pause")) * time.Second)
			seen := map[Signal]Observation{
				MemoryAvailable: {Available: amount.Draw(t, "memory"), Capacity: 100}, NodeFsAvailable: {Available: amount.Draw(t, "disk"), Capacity: 100},
			}
			before := s
			var f Finding
			s, f = s.Look(all, seen, now, transition)
			for i, threshold := range all {
				acts := slices.Contains(f.Act, threshold)
				if threshold.Met(seen[threshold.Signal], false) {
					last[threshold.Signal.Condition()] = now
					if _, ok := met[i]; !ok {
						met[i] = now
					}
				} else if !threshold.Met(seen[threshold.Signal], true) || !before.acting[i] {
					delete(met, i)
				}
				began, isMet := met[i]
				if want := isMet && now.Sub(began) >= threshold.Grace; acts != want {
					t.Fatalf("threshold %d: acts %v, want %v", i, acts, want)
				}
				if acts && !slices.Contains(f.Conditions, threshold.Signal.Condition()) {
					t.Fatalf("threshold %d acts and no condition says so", i)
				}
			}
			for c, when := range last {
				if now.Sub(when) < transition && !slices.Contains(f.Conditions, c) {
					t.Fatalf("%s went %v after it was true, the transition period is %v", c, now.Sub(when), transition)
				}
			}
		}
	})
}
