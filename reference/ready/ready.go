// Package ready has a component wait for its API server.
package ready

import (
	"context"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	pollInterval = 25 * time.Millisecond
	// longInterval is that of a component whose server has been away for a while.
	longInterval = time.Second
	eager        = 10 * time.Second
)

// APIServer returns nil when the API server says that it is ready, and the error of ctx when that ends first.
//
// The parts of a cluster start at the same time. Informers and elections that find no server back
// off for seconds; asking often until it is there costs little and saves them.
func APIServer(ctx context.Context, client kubernetes.Interface) error {
	began := time.Now()
	for interval := pollInterval; ; {
		// A server that starts may ask to be left alone for a second; it is ready sooner.
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").MaxRetries(0).DoRaw(ctx)
		if err == nil {
			return nil
		}
		if time.Since(began) > eager && interval != longInterval {
			klog.FromContext(ctx).Info("Waiting for the API server", "reason", err)
			interval = longInterval
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
