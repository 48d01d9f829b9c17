package images

import (
	"context"
	"errors"

	"k8s.io/client-go/util/flowcontrol"
)

// errTooMany is what a pull fails with that the limits do not allow now.
var errTooMany = errors.New("pull QPS exceeded")

// limits bound how many images are pulled (KubeletConfiguration: serializeImagePulls, maxParallelImagePulls,
// registryPullQPS, registryBurst).
type limits struct {
	// slots has room for as many pulls as may go on at once; nil has room for all.
	slots chan struct{}
	rate  flowcontrol.PassiveRateLimiter
}

func newLimits(c Config) limits {
	var l limits
	if c.Parallel > 0 {
		l.slots = make(chan struct{}, c.Parallel)
	}
	if c.QPS > 0 {
		l.rate = flowcontrol.NewTokenBucketPassiveRateLimiter(c.QPS, max(c.Burst, 1))
	}
	return l
}

// enter waits for its turn; whoever was let in calls leave.
func (l limits) enter(ctx context.Context) (leave func(), err error) {
	if l.slots == nil {
		return func() {}, nil
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// allowed returns an error if pulls were begun too often of late.
func (l limits) allowed() error {
	if l.rate != nil && !l.rate.TryAccept() {
		return errTooMany
	}
	return nil
}
