package framework

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

// Observer watches a set of objects from the moment it is made, before the spec acts, so that
// no state goes unseen. It remembers how far the spec has come: each MustReach looks from the
// state the one before it found, and so "reach A, then B" cannot miss a B that was brief.
type Observer[T Object] struct {
	what   string
	line   func(T) string
	states *history[T]
	cursor int

	mu     sync.Mutex
	broken string // the first violation of an invariant
}

// MustReach waits until the objects, at any state since the last MustReach or Mark, satisfy so;
// it returns copies of them as they were then.
func (o *Observer[T]) MustReach(ctx context.Context, what string, so func([]T) bool) []T {
	GinkgoHelper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, scaled(SettleTimeout))
	defer cancel()
	found, err := o.states.find(ctx, o.cursor, so)
	o.mustBeWhole()
	if err != nil {
		Fail(fmt.Sprintf("waited %s for the %s (%v)\n  wanted: %s\n  last changes:\n%s", since(started), o.what, err, what, o.states.tell(o.line)))
	}
	o.cursor = found
	return o.at(found)
}

// ReachedAt is when the state that the last MustReach found was seen.
func (o *Observer[T]) ReachedAt() time.Time {
	steps, _, _ := o.states.from(o.cursor)
	return steps[0].at
}

// at returns copies of the objects as they were at a step: the spec may change them.
func (o *Observer[T]) at(index int) []T {
	steps, _, _ := o.states.from(index)
	copies := make([]T, len(steps[0].state))
	for i, object := range steps[0].state {
		copies[i] = object.DeepCopyObject().(T)
	}
	return copies
}

// MustNever watches for the whole window and fails the spec if any state since the last
// MustReach or Mark, or until the window's end, satisfies so.
func (o *Observer[T]) MustNever(ctx context.Context, what string, so func([]T) bool, window time.Duration) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	_, err := o.states.find(ctx, o.cursor, so)
	o.mustBeWhole()
	if err == nil {
		Fail(fmt.Sprintf("the %s reached what they never must: %s\n  last changes:\n%s", o.what, what, o.states.tell(o.line)))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		Fail(fmt.Sprintf("could not watch the %s for the whole window: %v", o.what, err))
	}
	o.Mark()
}

// Throughout adds an invariant: from the state last reached to the end of the spec, check must
// return "" for every state; what it returns else is the violation. It is judged with every
// wait that follows and at the end of the spec.
func (o *Observer[T]) Throughout(ctx context.Context, what string, check func([]T) string) {
	o.guard(ctx, what, o.cursor, check)
	DeferCleanup(func() { o.mustBeWhole() })
}

// guard judges every state from index start on, in the background, until ctx ends.
func (o *Observer[T]) guard(ctx context.Context, what string, start int, check func([]T) string) {
	go func() {
		var violation string
		if _, err := o.states.find(ctx, start, func(state []T) bool {
			violation = check(state)
			return violation != ""
		}); err != nil {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.broken == "" {
			o.broken = fmt.Sprintf("%s\n  wanted throughout: %s\n  last changes:\n%s", violation, what, o.states.tell(o.line))
		}
	}()
}

// mustBeWhole fails the spec if an invariant was violated.
func (o *Observer[T]) mustBeWhole() {
	GinkgoHelper()
	o.mu.Lock()
	broken := o.broken
	o.mu.Unlock()
	if broken != "" {
		Fail(broken)
	}
}

// Mark forgets the states so far but the newest: the next MustReach looks from there.
func (o *Observer[T]) Mark() { o.cursor = o.states.length() - 1 }

// Now returns the newest state.
func (o *Observer[T]) Now() []T {
	return o.at(o.states.length() - 1)
}

// Seen returns every state from the subscription to now.
func (o *Observer[T]) Seen() [][]T {
	steps, _, _ := o.states.from(0)
	states := make([][]T, len(steps))
	for i, s := range steps {
		states[i] = s.state
	}
	return states
}
