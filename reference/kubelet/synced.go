package kubelet

import (
	"context"
	"time"

	"k8s.io/client-go/tools/cache"
)

// synced waits until the informer has seen the present content, asking every 5 ms: client-go's
// own helper asks every 100 ms, which is a good part of a node's start.
func synced(ctx context.Context, has cache.InformerSynced) bool {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !has() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// closed waits until the channel is; false if ctx ended before.
func closed(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}
