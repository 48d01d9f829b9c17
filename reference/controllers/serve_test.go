package controllers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Whoever watches the controllers finds each queue under its controller's name, and what a controller measures itself.
func TestMetricsAreServedByTheControllersNames(t *testing.T) {
	const name = "some-controller"
	ctx, cancel := context.WithCancel(t.Context())
	queue, done := controller.NewQueue(name), make(chan struct{})
	queue.Add(types.NamespacedName{Namespace: "default", Name: "web"})
	go func() {
		defer close(done)
		queue.Run(ctx, 1, func(context.Context, types.NamespacedName) (time.Duration, error) {
			cancel()
			return 0, nil
		})
	}()
	<-done
	server := httptest.NewServer(handler())
	defer server.Close()
	answer, err := http.Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, answer.Body); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`workqueue_depth{name="` + name + `"} 0`,
		`workqueue_adds_total{name="` + name + `"} 1`,
		`workqueue_work_duration_seconds_count{name="` + name + `"} 1`,
		`workqueue_queue_duration_seconds_count{name="` + name + `"} 1`,
		"horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers ",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
}
