package replicas

import (
	"testing"
	"time"

	"k8s.io/utils/ptr"
)

func TestPatience(t *testing.T) {
	status := func(replicas, ready, terminating int32) Status {
		return Status{Replicas: replicas, ReadyReplicas: ready, AvailableReplicas: ready, TerminatingReplicas: ptr.To(terminating)}
	}
	failed := status(2, 2, 0)
	failed.Failure = &Failure{Reason: "FailedCreate"}
	observed := status(3, 3, 0)
	observed.ObservedGeneration = 2
	for _, c := range []struct {
		what          string
		wanted        int32
		before, after Status
		acted         bool
		want          time.Duration
	}{
		{"pods have been asked for, and are not counted", 3, Status{}, status(0, 0, 0), true, moment},
		{"pods start", 3, status(0, 0, 0), status(3, 0, 0), false, moment},
		{"one of them is ready", 3, status(3, 0, 0), status(3, 1, 0), false, moment},
		{"all are ready", 3, status(3, 1, 0), status(3, 3, 0), false, 0},
		{"one is deleted", 2, status(3, 3, 0), status(2, 2, 1), false, 0},
		{"one is deleted while others start", 2, status(3, 1, 0), status(2, 1, 1), false, 0},
		{"one is no longer ready", 3, status(3, 3, 0), status(3, 2, 0), false, 0},
		{"a terminating one is gone", 2, status(2, 2, 1), status(2, 2, 0), false, while},
		{"one of the last is gone", 0, status(0, 0, 2), status(0, 0, 1), false, while},
		{"the last one is gone", 0, status(0, 0, 1), status(0, 0, 0), false, 0},
		{"one is gone, and a new generation was seen", 3, status(3, 3, 1), observed, false, 0},
		{"pods cannot be made", 3, status(2, 2, 0), failed, true, 0},
		{"they can again", 3, failed, status(2, 2, 0), true, 0},
	} {
		if got := patience(&Set{Replicas: c.wanted, Status: c.before}, c.after, c.acted); got != c.want {
			t.Errorf("%s: the status may wait for %v, want %v", c.what, got, c.want)
		}
	}
}
