package simulation

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// serve answers in place of all nodes' kubelets, so that who asks for logs or a shell is told why there are
// none, rather than waiting for an address that nobody has.
func serve(ctx context.Context, o *Options) (stop func(), err error) {
	certificate, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("simulation: certificate: %w", err)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(refuse),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.ServeTLS(listener, "", ""); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "The endpoint of the simulated kubelets has failed")
		}
	})
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

func refuse(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		_, _ = w.Write([]byte("ok"))
		return
	}
	http.Error(w, "this node is simulated: its pods have no containers, and so no logs, commands or ports", http.StatusNotImplemented)
}
