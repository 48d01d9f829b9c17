package horizontalpodautoscaler

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// history is what was recommended for one target and what was done about it.
type history struct {
	recommendations []recommendation
	ups, downs      []change
}

// recommendation is a number of replicas that metrics asked for, before anything held it back.
type recommendation struct {
	replicas int32
	at       time.Time
}

// change is how many replicas were added or removed at once.
type change struct {
	by int32
	at time.Time
}

// begin takes the size that is found for the first recommendation.
func (h *history) begin(current int32, now time.Time) {
	if len(h.recommendations) == 0 {
		h.recommendations = []recommendation{{current, now}}
	}
}

// recommend notes what metrics ask for, and forgets what is older than keep.
func (h *history) recommend(replicas int32, now time.Time, keep time.Duration) {
	h.recommendations = slices.DeleteFunc(h.recommendations, func(r recommendation) bool { return r.at.Before(now.Add(-keep)) })
	h.recommendations = append(h.recommendations, recommendation{replicas, now})
}

// scaled notes a change of the target, and forgets those that no policy looks back to.
func (h *history) scaled(from, to int32, now time.Time) {
	old := func(c change) bool { return c.at.Before(now.Add(-longestPeriod)) }
	if to > from {
		h.ups = append(slices.DeleteFunc(h.ups, old), change{to - from, now})
	}
	if to < from {
		h.downs = append(slices.DeleteFunc(h.downs, old), change{from - to, now})
	}
}

// within is how much the changes of the last period add up to.
func within(changes []change, period time.Duration, now time.Time) (sum int32) {
	for _, c := range changes {
		if c.at.After(now.Add(-period)) {
			sum += c.by
		}
	}
	return sum
}

// memory holds the history of each autoscaler. One history is used by one worker at a time.
type memory struct {
	mu  sync.Mutex
	all map[types.NamespacedName]*history
}

func newMemory() *memory { return &memory{all: map[types.NamespacedName]*history{}} }

func (m *memory) of(key types.NamespacedName) *history {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[key] == nil {
		m.all[key] = &history{}
	}
	return m.all[key]
}

func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, key)
}
