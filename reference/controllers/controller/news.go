package controller

import (
	"context"
	"errors"
	"sync"
	"time"
)

// News is what was last heard of something that takes a request to learn, such as what the API server serves. One asks
// at a time, however many want to know, and nobody waits for an answer who can do with the last one.
type News[T any] struct {
	ask func(ctx context.Context, last T) (T, error)
	now func() time.Time

	mu    sync.Mutex // is held for memory only, never over a request
	last  T
	heard time.Time // when last was; zero if nothing was yet
	asked *request  // the one under way; nil if there is none
}

// request is one that somebody makes and others may wait for.
type request struct {
	ended chan struct{}
	err   error // once it has ended
}

// Use says what the last news are good for.
type Use int

const (
	Outdated Use = iota // for nothing: newer ones are needed
	Passable            // for now: newer ones are to be had, but whoever finds someone asking already need not wait
	Fresh               // for everything
)

// NewNews returns news that ask brings; it is given the last ones.
func NewNews[T any](ask func(ctx context.Context, last T) (T, error)) *News[T] {
	return &News[T]{ask: ask, now: time.Now}
}

// Get returns news that are good for something, as use judges them by what they are and how old they are; before the
// first they are the zero value and very old. It returns what was just heard unjudged, and an error if asking failed or
// ctx has ended, with the last news all the same.
func (n *News[T]) Get(ctx context.Context, use func(last T, age time.Duration) Use) (T, error) {
	for {
		last, asked, mine := n.look(use)
		if asked == nil {
			return last, nil
		}
		if mine {
			return n.renew(ctx, last)
		}
		select {
		case <-asked.ended:
		case <-ctx.Done():
			return last, ctx.Err()
		}
		if asked.err != nil {
			return last, asked.err
		}
	}
}

// look returns the last news, and if they will not do the request to wait for, which is the caller's to make if it is mine.
func (n *News[T]) look(use func(last T, age time.Duration) Use) (last T, asked *request, mine bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	judged := use(n.last, n.now().Sub(n.heard))
	switch {
	case judged == Fresh, judged == Passable && n.asked != nil:
		return n.last, nil, false
	case n.asked != nil:
		return n.last, n.asked, false
	}
	n.asked = &request{ended: make(chan struct{})}
	return n.last, n.asked, true
}

// renew asks, and lets those go on who wait for it, also where ask panics.
func (n *News[T]) renew(ctx context.Context, last T) (T, error) {
	err := errors.New("asking ended in a panic")
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if err == nil {
			n.last, n.heard = last, n.now()
		}
		n.asked.err = err
		close(n.asked.ended)
		n.asked = nil
	}()
	heard, failure := n.ask(ctx, last)
	if err = failure; err == nil {
		last = heard
	}
	return last, err
}
