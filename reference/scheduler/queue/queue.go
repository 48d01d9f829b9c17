// Package queue orders the pods that wait for a node. A pod is ready to be tried, backing off
// after a failed try, waiting for the cluster to change, or held back by its scheduling gates.
// The queue has no clock and no lock: callers pass the time, and one goroutine owns it.
package queue

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
)

const (
	// InitialBackoff is how long a pod rests after its first failed try; it doubles with each.
	InitialBackoff = time.Second
	// MaxBackoff is the longest rest.
	MaxBackoff = 10 * time.Second
	// MaxWait is after how long a pod is tried again even if nothing happened that could help.
	MaxWait = 5 * time.Minute
)

// Item is a pod in the queue. Pod, Attempts and Added are for its owner to read.
type Item struct {
	Pod *placement.Pod
	// Attempts counts the tries so far, the running one included.
	Attempts int
	// Added is when the pod first came into the queue.
	Added time.Time

	state state
	at    time.Time // when backing off ends, or waiting began
	rest  time.Time // until when the pod rests after its last try
	hard  bool      // backing off after an error: not to be cut short

	index, restIndex int // places in the heaps
}

type state int

const (
	fresh state = iota
	out         // with the scheduler
	ready
	backingOff
	waiting
	gated
)

// Queue holds the pods that want a node. The zero value is not usable; see New.
type Queue struct {
	items   map[types.UID]*Item
	ready   heap
	backoff heap // those backing off, by time
	resting heap // those of them that an idle scheduler may take early
	waiting heap
}

// New is an empty queue.
func New() *Queue {
	return &Queue{
		items:   map[types.UID]*Item{},
		ready:   heap{less: byPriority, at: inLine},
		backoff: heap{less: byTime, at: inLine},
		resting: heap{less: byPriority, at: inRest},
		waiting: heap{less: byTime, at: inLine},
	}
}

// Len is how many pods the queue knows, those with the scheduler included.
func (q *Queue) Len() int { return len(q.items) }

// Set adds a pod or replaces what is known of it. retry says that the pod itself changed in a
// way that may make it schedulable. A pod with scheduling gates is held until they are gone; one
// that is with the scheduler stays there.
func (q *Queue) Set(pod *placement.Pod, retry bool, now time.Time) {
	it := q.items[pod.Object.UID]
	if it == nil {
		it = &Item{Added: now}
		q.items[pod.Object.UID] = it
	}
	it.Pod = pod
	switch {
	case it.state == out:
	case len(pod.Object.Spec.SchedulingGates) > 0:
		q.move(it, gated, now)
	case it.state == waiting && retry:
		q.wake(it, now)
	case it.state == fresh || it.state == gated:
		q.move(it, ready, now)
	}
}

// Delete forgets a pod.
func (q *Queue) Delete(uid types.UID) {
	if it := q.items[uid]; it != nil {
		q.move(it, out, time.Time{})
		delete(q.items, uid)
	}
}

// Pop takes out the pod to try next: of those ready the one of highest priority, then the one
// that waited longest. With none ready, a pod that rests only because it did not fit before is
// taken early. nil if there is nothing to do.
func (q *Queue) Pop(now time.Time) *Item {
	q.expire(now)
	it := q.ready.peek()
	if it == nil {
		if it = q.resting.peek(); it == nil {
			return nil
		}
	}
	q.move(it, out, now)
	it.Attempts++
	return it
}

// Unfit puts back a pod that fits on no node; it waits until Wake or MaxWait.
func (q *Queue) Unfit(it *Item, now time.Time) {
	it.rest = now.Add(backoff(it.Attempts))
	q.move(it, waiting, now)
}

// Failed puts back a pod whose placing failed for a reason outside the cluster model, such as an
// error of the API; it is tried again after its rest.
func (q *Queue) Failed(it *Item, now time.Time) {
	if q.items[it.Pod.Object.UID] != it {
		return
	}
	it.rest = now.Add(backoff(it.Attempts))
	q.rest(it, true)
}

// Get finds a pod in the queue; nil if it is not there.
func (q *Queue) Get(uid types.UID) *Item { return q.items[uid] }

// Wake makes those waiting pods ready that helps says an event may have made schedulable.
func (q *Queue) Wake(now time.Time, helps func(*placement.Pod) bool) {
	var helped []*Item
	for _, it := range q.waiting.items {
		if helps(it.Pod) {
			helped = append(helped, it)
		}
	}
	for _, it := range helped {
		q.wake(it, now)
	}
}

// Next is when Pop may have something without any event; false if never.
func (q *Queue) Next() (time.Time, bool) {
	var next time.Time
	if it := q.backoff.peek(); it != nil {
		next = it.at
	}
	if it := q.waiting.peek(); it != nil {
		if end := it.at.Add(MaxWait); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next, !next.IsZero()
}

// expire makes ready what has rested or waited long enough.
func (q *Queue) expire(now time.Time) {
	for it := q.backoff.peek(); it != nil && !it.at.After(now); it = q.backoff.peek() {
		q.move(it, ready, now)
	}
	for it := q.waiting.peek(); it != nil && !it.at.Add(MaxWait).After(now); it = q.waiting.peek() {
		q.wake(it, now)
	}
}

func (q *Queue) wake(it *Item, now time.Time) {
	if it.rest.After(now) {
		q.rest(it, false)
		return
	}
	q.move(it, ready, now)
}

func (q *Queue) rest(it *Item, hard bool) {
	q.move(it, backingOff, it.rest)
	if it.hard = hard; !hard {
		q.resting.push(it)
	}
}

// move changes the state of an item and keeps the heaps in step.
func (q *Queue) move(it *Item, to state, at time.Time) {
	switch it.state {
	case ready:
		q.ready.remove(it)
	case backingOff:
		q.backoff.remove(it)
		if !it.hard {
			q.resting.remove(it)
		}
	case waiting:
		q.waiting.remove(it)
	}
	it.state, it.at, it.hard = to, at, false
	switch to {
	case ready:
		q.ready.push(it)
	case backingOff:
		q.backoff.push(it)
	case waiting:
		q.waiting.push(it)
	}
}

func backoff(attempts int) time.Duration {
	d := InitialBackoff
	for i := 1; i < attempts && d < MaxBackoff; i++ {
		d *= 2
	}
	return min(d, MaxBackoff)
}
