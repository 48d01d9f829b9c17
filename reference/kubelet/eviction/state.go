package eviction

import (
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
)

// State is what one look leaves for the next. The zero State is that of an agent that just started.
type State struct {
	// since tells, by the threshold's index, from when on it is met.
	since map[int]time.Time
	// acting are the thresholds for which pods had to go: they count until their minimum reclaim is there, too.
	acting map[int]bool
	// seen tells when a condition was last true by what was observed.
	seen map[v1.NodeConditionType]time.Time
}

// Finding is what one look found.
type Finding struct {
	// Conditions are the node's, sorted.
	Conditions []v1.NodeConditionType
	// Act are the thresholds that call for eviction now, the most urgent first.
	Act []Threshold
}

// Look compares what was observed with the thresholds. A condition stays for the transition period after
// it was last true, so that a node does not swing to and fro.
func (s State) Look(all []Threshold, observed map[Signal]Observation, now time.Time, transition time.Duration) (State, Finding) {
	next := State{since: map[int]time.Time{}, acting: map[int]bool{}, seen: maps.Clone(s.seen)}
	if next.seen == nil {
		next.seen = map[v1.NodeConditionType]time.Time{}
	}
	var f Finding
	for i, t := range all {
		if !t.Met(observed[t.Signal], s.acting[i]) {
			continue
		}
		next.since[i] = now
		if began, ok := s.since[i]; ok {
			next.since[i] = began
		}
		next.seen[t.Signal.Condition()] = now
		if now.Sub(next.since[i]) >= t.Grace {
			next.acting[i] = true
			f.Act = append(f.Act, t)
		}
	}
	for c, at := range next.seen {
		if now.Sub(at) >= transition && !at.Equal(now) {
			delete(next.seen, c)
		}
	}
	f.Conditions = slices.Sorted(maps.Keys(next.seen))
	return next, f
}
