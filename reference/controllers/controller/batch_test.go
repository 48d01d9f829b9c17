package controller

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// SlowStart makes all calls if none fails; otherwise it makes at most as many
// more as had succeeded before, and one.
func TestSlowStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 600).Draw(t, "count")
		quota := rapid.IntRange(0, 700).Draw(t, "calls that succeed")
		var calls atomic.Int64
		done, err := SlowStart(t.Context(), count, func(context.Context) error {
			if int(calls.Add(1)) > quota {
				return errors.New("exceeded quota")
			}
			return nil
		})
		if want := min(count, quota); done != want {
			t.Fatalf("%d calls succeeded, want %d", done, want)
		}
		if (err != nil) != (quota < count) {
			t.Fatalf("error %v with %d of %d allowed", err, quota, count)
		}
		if made, most := int(calls.Load()), 2*quota+1; made > most {
			t.Fatalf("%d calls were made although only %d can succeed; want at most %d", made, quota, most)
		}
	})
}
