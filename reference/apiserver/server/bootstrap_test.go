package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/kubernetes"
)

// The error of a start hook ends the process, so neither a slow machine nor the end of the server may be one.
func TestInsist(t *testing.T) {
	slow := errors.New("the machine is slow")
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			enough := time.Now().Add(time.Hour)
			calls := 0
			err := insist(t.Context(), nil, func(ctx context.Context, _ kubernetes.Interface) error {
				calls++
				if time.Now().Before(enough) {
					return slow
				}
				return ctx.Err()
			})
			if err != nil || time.Now().Before(enough) {
				t.Errorf("got %v after %d tries, wanted success after an hour of failures", err, calls)
			}
		})
	})
	t.Run("hanging", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			err := insist(t.Context(), nil, func(ctx context.Context, _ kubernetes.Interface) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Hour): // as many requests that each succeed late
					return nil
				}
			})
			if err != nil {
				t.Errorf("got %v, wanted a first try of an hour to succeed", err)
			}
		})
	})
	t.Run("stopped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			if err := insist(ctx, nil, func(context.Context, kubernetes.Interface) error { return slow }); err != nil {
				t.Errorf("the server was stopped before it was ready: got %v, wanted no error", err)
			}
		})
	})
}
