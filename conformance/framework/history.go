package framework

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

// history is every state that a set of objects went through, in order, starting with the
// state at the time of subscription. One goroutine appends, others read and wait.
type history[T Object] struct {
	mu    sync.Mutex
	steps []step[T]
	grown chan struct{} // closed and replaced with each step
	ended error         // why no more steps will come
}

// step is one state: all objects by name, and the change that led to it.
type step[T Object] struct {
	at     time.Time
	change string
	state  []T
}

func newHistory[T Object](initial []T) *history[T] {
	first := step[T]{at: time.Now(), change: "subscribed", state: slices.Clone(initial)}
	sortByName(first.state)
	return &history[T]{steps: []step[T]{first}, grown: make(chan struct{})}
}

// apply appends the state that an event leads to.
func (h *history[T]) apply(kind watch.EventType, object T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	state := slices.DeleteFunc(slices.Clone(h.steps[len(h.steps)-1].state), func(o T) bool { return o.GetUID() == object.GetUID() })
	if kind != watch.Deleted {
		state = append(state, object)
	}
	sortByName(state)
	h.steps = append(h.steps, step[T]{at: time.Now(), change: fmt.Sprintf("%s %s", kind, object.GetName()), state: state})
	close(h.grown)
	h.grown = make(chan struct{})
}

// end says that no more steps will come, and why.
func (h *history[T]) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil {
		h.ended = err
		close(h.grown)
		h.grown = make(chan struct{})
	}
}

// from returns the steps from index i on, a channel that closes when there are more, and why there will be none.
func (h *history[T]) from(i int) ([]step[T], <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.steps[min(i, len(h.steps)):]), h.grown, h.ended
}

// find waits for the first step at index start or later whose state satisfies so, and returns
// its index. It errs when ctx ends, or the history does, before there is one.
func (h *history[T]) find(ctx context.Context, start int, so func([]T) bool) (int, error) {
	for i := start; ; {
		steps, grown, ended := h.from(i)
		for _, s := range steps {
			if so(s.state) {
				return i, nil
			}
			i++
		}
		if ended != nil {
			return 0, ended
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-grown:
		}
	}
}

// length is the number of steps so far, at least one.
func (h *history[T]) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.steps)
}

// tell describes the newest states, so that a failure shows how things got where they are.
func (h *history[T]) tell(line func(T) string) string {
	steps, _, _ := h.from(max(0, h.length()-8))
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "    %s %s (then %d objects)\n", s.at.Format("15:04:05.000"), s.change, len(s.state))
	}
	b.WriteString("  last state:\n")
	for _, object := range steps[len(steps)-1].state {
		fmt.Fprintf(&b, "    %s\n", line(object))
	}
	if len(steps[len(steps)-1].state) == 0 {
		b.WriteString("    no objects\n")
	}
	return b.String()
}

func sortByName[T Object](objects []T) {
	slices.SortFunc(objects, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
}
