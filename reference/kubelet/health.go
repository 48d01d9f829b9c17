package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// listenHealth opens the port at which the agent's own supervisor may ask whether it works, nil if there is to be none.
func listenHealth(c *kubeletv1beta1.KubeletConfiguration) (net.Listener, error) {
	if *c.HealthzPort == 0 {
		return nil, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(c.HealthzBindAddress, fmt.Sprint(*c.HealthzPort)))
	if err != nil {
		return nil, fmt.Errorf("healthzPort: %w", err)
	}
	return l, nil
}

// serveHealth answers GET /healthz there until ctx ends, to anyone: it tells nothing else.
func serveHealth(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	h := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { h.Close() })
	defer stop()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
