package connect

import (
	"context"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestReaderReadsAsTheAPIServer(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics/resource" {
			http.Error(rw, "no such page", http.StatusNotFound)
			return
		}
		rw.Write([]byte("page"))
	}))
	reader, err := NewReader(w.kubeletTLS)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Get(context.Background(), w.node, "/metrics/resource"); err != nil || string(got) != "page" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := reader.Get(context.Background(), w.node, "/other"); err == nil || !strings.Contains(err.Error(), "404 Not Found: no such page") {
		t.Errorf("a page that is not there: %v", err)
	}
	if _, err := reader.Get(context.Background(), &corev1.Node{}, "/metrics/resource"); err == nil {
		t.Error("a node without an address")
	}
}
