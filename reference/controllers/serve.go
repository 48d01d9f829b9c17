package controllers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/restclient" // counts requests
	_ "k8s.io/component-base/metrics/prometheus/workqueue"  // measures queues
	"k8s.io/klog/v2"
)

// serve answers /healthz and /metrics at the address until stop is called.
func serve(ctx context.Context, address string) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serving health and metrics: %w", err)
	}
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends by Close
	klog.FromContext(ctx).Info("Serving health and metrics", "address", listener.Addr().String())
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.Handle("/metrics", legacyregistry.Handler())
	return mux
}
