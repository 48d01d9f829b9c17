package simulation

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type note struct {
	slot
	name string
}

// Jobs are done when they are due, in order; what was planned anew is done then only.
func TestAgendaKeepsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		a := newAgenda()
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var log []string
		var group sync.WaitGroup
		group.Go(func() {
			a.run(ctx, 2, func(_ context.Context, j job) time.Time {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, j.(*note).name+" "+time.Since(begin).String())
				if j.(*note).name == "often" {
					return time.Now().Add(10 * time.Second)
				}
				return time.Time{}
			})
		})
		never, often, moved := &note{name: "never"}, &note{name: "often"}, &note{name: "moved"}
		a.plan(never, begin.Add(5*time.Second))
		a.plan(moved, begin.Add(time.Hour))
		a.plan(often, begin.Add(3*time.Second))
		time.Sleep(time.Second)
		a.plan(never, time.Time{})
		a.plan(moved, begin.Add(4*time.Second))
		time.Sleep(15 * time.Second)
		cancel()
		group.Wait()
		if want := []string{"often 3s", "moved 4s", "often 13s"}; !slices.Equal(log, want) {
			t.Errorf("got %v, wanted %v", log, want)
		}
	})
}

// A job that is planned while it is being done is done again after that, not beside it.
func TestAgendaDoesAJobOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgenda()
		ctx, cancel := context.WithCancel(t.Context())
		running, times := 0, 0
		var group sync.WaitGroup
		group.Go(func() {
			a.run(ctx, 4, func(context.Context, job) time.Time {
				running++
				times++
				if running > 1 {
					t.Error("done twice at a time")
				}
				time.Sleep(time.Second)
				running--
				return time.Time{}
			})
		})
		n := &note{}
		a.plan(n, time.Now())
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			a.plan(n, time.Now())
		}
		time.Sleep(time.Minute)
		cancel()
		group.Wait()
		if times != 2 || len(a.jobs) != 0 {
			t.Errorf("done %d times, %d waiting; wanted 2 and none", times, len(a.jobs))
		}
	})
}
