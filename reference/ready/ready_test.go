package ready

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// server answers 500, asking to be left alone for an hour, as often as told, and then 200.
func server(t *testing.T, failures int64) (kubernetes.Interface, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || asked.Add(1) <= failures {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return kubernetes.NewForConfigOrDie(&rest.Config{Host: s.URL, QPS: -1}), &asked
}

func TestItWaitsUntilTheServerIsReady(t *testing.T) {
	client, asked := server(t, 3)
	if err := APIServer(t.Context(), client); err != nil || asked.Load() != 4 {
		t.Errorf("after %d questions: %v; want nil after 4", asked.Load(), err)
	}
}

func TestItEndsWithTheContext(t *testing.T) {
	client, _ := server(t, 1<<40)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := APIServer(ctx, client); err == nil {
		t.Error("a server that is never ready counts as ready")
	}
}
