package plan

import (
	"time"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// The delays between restarts of a crashing container (docs: pod-lifecycle, "How Pods handle
// problems with containers"): none before the first, then 10 s doubling to 5 min; a container
// that ran for 10 min without a crash starts over. A node may have a lower maximum (KEP-5593), which bounds the first
// delay as well; ten minutes they remain.
const (
	FirstDelay  = 10 * time.Second
	MaxDelay    = 5 * time.Minute
	forgetAfter = 10 * time.Minute
)

// BackOff is the delay that a container has earned.
type BackOff struct {
	// Delay is what passes between its end and its next start; zero before the first restart.
	Delay time.Duration
	// Since is when the delay was earned, the time of the last restart.
	Since time.Time
	// Hash is what the container was made from; another image starts over.
	Hash string
}

// Restarted returns the back-off after one more restart at now of a container that ended at finished, on a node where
// no delay is longer than limit.
func (b BackOff) Restarted(finished, now time.Time, hash string, limit time.Duration) BackOff {
	delay := FirstDelay
	if b.Delay > 0 && b.Hash == hash && finished.Sub(b.Since) <= forgetAfter {
		delay = 2 * b.Delay
	}
	return BackOff{Delay: min(delay, limit), Since: now, Hash: hash}
}

// heldUntil returns until when the ended instance is not restarted, and the delay behind it.
func (b BackOff) heldUntil(ended *runtime.Container) (time.Time, time.Duration) {
	if b.Delay == 0 || b.Hash != ended.Hash || ended.FinishedAt.Sub(b.Since) > forgetAfter {
		return time.Time{}, 0
	}
	return ended.FinishedAt.Add(b.Delay), b.Delay
}
