package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// slowly returns news that take ten seconds, number themselves, and fail when told to; and how often they were asked for.
func slowly(failing *bool) (*News[int], *int) {
	asked := new(int)
	return NewNews(func(ctx context.Context, last int) (int, error) {
		*asked++
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if *failing {
			return 0, errors.New("no answer")
		}
		return last + 1, nil
	}), asked
}

func newest(last int, age time.Duration) Use {
	if age < time.Second {
		return Fresh
	}
	return Outdated
}

func passable(last int, age time.Duration) Use {
	if last > 0 {
		return max(Passable, newest(last, age))
	}
	return Outdated
}

// One asks; who needs an answer waits for it, or for as long as it can; who has one goes on.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := false
		n, asked := slowly(&failing)
		get := func(ctx context.Context, use func(int, time.Duration) Use, want int, wantTook time.Duration, wantErr bool) {
			t.Helper()
			began := time.Now()
			got, err := n.Get(ctx, use)
			if took := time.Since(began); got != want || took != wantTook || (err != nil) != wantErr {
				t.Errorf("got %d, %v after %s; wanted %d after %s", got, err, took, want, wantTook)
			}
		}
		for range 5 {
			go get(t.Context(), passable, 1, 10*time.Second, false)
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		get(impatient, passable, 0, time.Second, true)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		get(t.Context(), newest, 1, 0, false)

		time.Sleep(time.Minute)
		go get(t.Context(), newest, 2, 10*time.Second, false)
		synctest.Wait()
		get(t.Context(), passable, 1, 0, false)
		go get(t.Context(), newest, 2, 10*time.Second, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if *asked != 2 {
			t.Errorf("asked %d times, wanted 2", *asked)
		}

		// A request that fails has failed for all who wait for it; the last news are there all the same.
		time.Sleep(time.Minute)
		failing = true
		go get(t.Context(), passable, 2, 10*time.Second, true)
		synctest.Wait()
		get(t.Context(), passable, 2, 0, false)
		go get(t.Context(), newest, 2, 10*time.Second, true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if *asked != 3 {
			t.Errorf("asked %d times, wanted 3", *asked)
		}
	})
}

// A panic of the one who asks does not leave the others waiting.
func TestNewsAfterAPanic(t *testing.T) {
	first := true
	n := NewNews(func(context.Context, int) (int, error) {
		if first {
			first = false
			panic("malformed")
		}
		return 1, nil
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = n.Get(t.Context(), newest)
	}()
	if got, err := n.Get(t.Context(), newest); got != 1 || err != nil {
		t.Errorf("after a panic: %d, %v", got, err)
	}
}
