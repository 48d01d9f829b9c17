package simulation

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// job is something to do at a time. It embeds its slot.
type job interface{ place() *slot }

// slot is a job's place in an agenda.
type slot struct {
	at      time.Time
	index   int // in the heap, from 1; 0 if not in it
	running bool
	again   time.Time // when to run next, told while it ran
}

func (s *slot) place() *slot { return s }

// agenda does jobs when they are due, the earliest first, a bounded number at a time, and never the
// same one twice at a time. It is a heap, so that fifty thousand jobs that wait cost nothing but memory.
type agenda struct {
	mu   sync.Mutex
	jobs jobs
	wake chan struct{}
}

func newAgenda() *agenda { return &agenda{wake: make(chan struct{}, 1)} }

// plan has a job done at t, and at no other time that was planned before; never if t is zero. A job
// that is being done is done again.
func (a *agenda) plan(j job, t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := j.place()
	if s.running {
		s.again = t
		return
	}
	a.put(j, t)
}

// put is plan for one who holds the lock, of a job that does not run.
func (a *agenda) put(j job, t time.Time) {
	s := j.place()
	switch {
	case t.IsZero():
		if s.index > 0 {
			heap.Remove(&a.jobs, s.index-1)
		}
		return
	case s.index > 0:
		s.at = t
		heap.Fix(&a.jobs, s.index-1)
	default:
		s.at = t
		heap.Push(&a.jobs, j)
	}
	if s.index == 1 {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// run does what is due until ctx ends. do returns when the job is to be done next, zero for never;
// what was planned meanwhile comes first.
func (a *agenda) run(ctx context.Context, workers int, do func(context.Context, job) time.Time) {
	due := make(chan job)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for j := range due {
				a.done(j, do(ctx, j))
			}
		})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		j, wait := a.next()
		if j != nil {
			due <- j // a worker is always free soon: its request ends with ctx
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-timer.C:
		}
	}
	close(due)
	group.Wait()
}

// next takes the next job that is due, or tells how long there is none.
func (a *agenda) next() (job, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.jobs) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(a.jobs[0].place().at); wait > 0 {
		return nil, wait
	}
	j := heap.Pop(&a.jobs).(job)
	j.place().running, j.place().again = true, time.Time{}
	return j, 0
}

func (a *agenda) done(j job, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := j.place()
	s.running = false
	if !s.again.IsZero() {
		next = s.again
	}
	a.put(j, next)
}

// jobs is a heap by time.
type jobs []job

func (h jobs) Len() int           { return len(h) }
func (h jobs) Less(i, k int) bool { return h[i].place().at.Before(h[k].place().at) }
func (h jobs) Swap(i, k int) {
	h[i], h[k] = h[k], h[i]
	h[i].place().index, h[k].place().index = i+1, k+1
}
func (h *jobs) Push(j any) {
	*h = append(*h, j.(job))
	j.(job).place().index = len(*h)
}
func (h *jobs) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.place().index = 0
	return last
}
