package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// runQueue runs the queue with one worker until the test ends.
func runQueue(t *testing.T, q *Queue, reconcile Reconcile) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.Run(ctx, 1, reconcile)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func TestQueueTriesAgain(t *testing.T) {
	key := types.NamespacedName{Namespace: "default", Name: "web"}
	for name, first := range map[string]func() (time.Duration, error){
		"after an error":   func() (time.Duration, error) { return 0, errors.New("no luck") },
		"after a panic":    func() (time.Duration, error) { panic("malformed") },
		"when asked to be": func() (time.Duration, error) { return time.Millisecond, nil },
	} {
		t.Run(name, func(t *testing.T) {
			q := NewQueue("test")
			calls := make(chan types.NamespacedName, 2)
			count := 0
			runQueue(t, q, func(_ context.Context, key types.NamespacedName) (time.Duration, error) {
				calls <- key
				if count++; count == 1 {
					return first()
				}
				return 0, nil
			})
			q.Add(key)
			for range 2 {
				if got := <-calls; got != key {
					t.Fatalf("reconciled %s, want %s", got, key)
				}
			}
		})
	}
}

func TestQueueWaitsForCaches(t *testing.T) {
	q := NewQueue("test")
	q.Add(types.NamespacedName{Name: "web"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Run(ctx, 1, func(context.Context, types.NamespacedName) (time.Duration, error) {
		t.Error("reconciled before the caches were filled")
		return 0, nil
	}, func() bool { return false })
}
