package controller

import (
	"context"
	"errors"
	"sync"
)

// SlowStart calls do count times in batches of 1, 2, 4, …, the calls of a batch
// at once, and stops after the first batch in which a call failed: a request
// that can only be refused, for want of quota say, is then made once and not
// hundreds of times. It returns how many calls succeeded, and their errors.
func SlowStart(ctx context.Context, count int, do func(ctx context.Context) error) (int, error) {
	done := 0
	for batch := 1; done < count; batch *= 2 {
		size := min(batch, count-done)
		failures := Together(size, func(int) error { return do(ctx) })
		done += size - len(failures)
		if len(failures) > 0 {
			return done, errors.Join(failures...)
		}
	}
	return done, nil
}

// Together calls do with 0 … count-1 at once and returns the errors once all
// have ended.
func Together(count int, do func(i int) error) []error {
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	for i := range count {
		running.Go(func() {
			if err := do(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	running.Wait()
	return errs
}
