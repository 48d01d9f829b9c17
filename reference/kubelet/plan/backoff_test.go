package plan

import (
	"testing"
	"time"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"pgregory.net/rapid"
)

func TestDelaysDoubleFromTenSecondsToFiveMinutes(t *testing.T) {
	var b BackOff
	now := t0
	var got []time.Duration
	for range 8 {
		ended := &runtime.Container{FinishedAt: now, Hash: "h"}
		until, _ := b.heldUntil(ended)
		wait := max(until.Sub(now), 0)
		got = append(got, wait)
		now = now.Add(wait)
		b = b.Restarted(ended.FinishedAt, now, "h", MaxDelay)
		now = now.Add(time.Second)
	}
	want := []time.Duration{0, 10, 20, 40, 80, 160, 300, 300}
	for i := range want {
		if got[i] != want[i]*time.Second {
			t.Errorf("delay before restart %d: got %v, want %v", i, got[i], want[i]*time.Second)
		}
	}
}

func TestALongRunForgetsTheDelay(t *testing.T) {
	b := BackOff{Delay: MaxDelay, Since: t0, Hash: "h"}
	ended := &runtime.Container{FinishedAt: t0.Add(forgetAfter + time.Second), Hash: "h"}
	if until, _ := b.heldUntil(ended); !until.IsZero() {
		t.Errorf("held until %v after it ran for more than ten minutes, want not at all", until)
	}
	if next := b.Restarted(ended.FinishedAt, ended.FinishedAt, "h", MaxDelay); next.Delay != FirstDelay {
		t.Errorf("next delay %v, want %v", next.Delay, FirstDelay)
	}
}

func TestDelayIsAlwaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b BackOff
		now := t0
		for range rapid.IntRange(1, 30).Draw(t, "restarts") {
			ran := time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "ran"))
			finished := now.Add(ran)
			previous := b.Delay
			b = b.Restarted(finished, finished, "h", MaxDelay)
			if b.Delay < FirstDelay || b.Delay > MaxDelay {
				t.Fatalf("delay %v is out of bounds", b.Delay)
			}
			if ran < forgetAfter && b.Delay < previous {
				t.Fatalf("delay fell from %v to %v though it ran for only %v", previous, b.Delay, ran)
			}
			now = finished
		}
	})
}

func TestANodesLowerMaximumBoundsTheFirstDelayToo(t *testing.T) {
	for _, c := range []struct {
		limit time.Duration
		want  []time.Duration
	}{{3 * time.Second, []time.Duration{3, 3, 3}}, {time.Minute, []time.Duration{10, 20, 40, 60, 60}}} {
		var b BackOff
		for i, want := range c.want {
			if b = b.Restarted(t0, t0, "h", c.limit); b.Delay != want*time.Second {
				t.Errorf("maximum %v: delay %d is %v, want %v", c.limit, i, b.Delay, want*time.Second)
			}
		}
	}
}
