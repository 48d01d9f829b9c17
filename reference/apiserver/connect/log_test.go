package connect

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"
)

func (w *world) log(ctx context.Context, o *corev1.PodLogOptions) (string, bool, error) {
	s, err := w.storages["pods/log"].(rest.GetterWithOptions).Get(ctx, "p", o)
	if err != nil {
		return "", false, err
	}
	r, flush, kind, err := s.(rest.ResourceStreamer).InputStream(ctx, "v1", "")
	if err != nil || r == nil {
		return "", false, err
	}
	defer r.Close() //nolint:errcheck
	text, err := io.ReadAll(r)
	return kind + " " + string(text), flush, err
}

var echoURL = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.URL.RequestURI()) //nolint:errcheck
})

func TestLog(t *testing.T) {
	w := newWorld(t, echoURL)
	since := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for want, o := range map[string]corev1.PodLogOptions{
		"/containerLogs/ns/p/a": {Container: "a"},
		"/containerLogs/ns/p/b?follow=true&limitBytes=9&previous=true&sinceSeconds=5&tailLines=0&timestamps=true": {Container: "b", Follow: true, Previous: true, Timestamps: true, SinceSeconds: ptr.To(int64(5)), TailLines: ptr.To(int64(0)), LimitBytes: ptr.To(int64(9))},
		"/containerLogs/ns/p/a?sinceTime=2026-01-02T03%3A04%3A05Z":                                                {Container: "a", SinceTime: &since, Stream: ptr.To("Stdout")},
	} {
		got, flush, err := w.log(t.Context(), &o)
		if got != "text/plain "+want || flush != o.Follow || err != nil {
			t.Errorf("got %q, flushed %t, %v, want %q", got, flush, err, want)
		}
	}
}

func TestLogErrors(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `container "a" in pod "p" is waiting to start: ContainerCreating`, http.StatusBadRequest)
	}))
	for want, o := range map[string]corev1.PodLogOptions{
		`container "a" in pod "p" is waiting to start: ContainerCreating`:    {Container: "a"}, // the kubelet's own words
		"a container name must be specified for pod p, choose one of: [a b]": {},
		"container c is not valid for pod p":                                 {Container: "c"},
		"tailLines: Invalid value: -1: must be greater than or equal to 0":   {Container: "a", TailLines: ptr.To(int64(-1))},
		"limitBytes: Invalid value: 0: must be greater than 0":               {Container: "a", LimitBytes: ptr.To(int64(0))},
		"sinceSeconds: Invalid value: 0: must be greater than 0":             {Container: "a", SinceSeconds: ptr.To(int64(0))},
		"at most one of `sinceTime` or `sinceSeconds` may be specified":      {Container: "a", SinceSeconds: ptr.To(int64(1)), SinceTime: &metav1.Time{}},
	} {
		if _, _, err := w.log(t.Context(), &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	w.pod.Spec.NodeName = ""
	if got, _, err := w.log(t.Context(), &corev1.PodLogOptions{Container: "a"}); got != "" || err != nil {
		t.Errorf("unscheduled: %q %v, want nothing", got, err)
	}
}

// TestFollow reads a line while the kubelet keeps the stream open.
func TestFollow(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first") //nolint:errcheck
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := w.storages["pods/log"].(rest.GetterWithOptions).Get(ctx, "p", &corev1.PodLogOptions{Container: "a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	r, _, _, err := s.(rest.ResourceStreamer).InputStream(ctx, "v1", "")
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "first\n" {
		t.Errorf("%q %v", line, err)
	}
	cancel()
	if _, err := io.ReadAll(r); err == nil {
		t.Error("the stream outlives its request")
	}
}

func TestKubeletCertificate(t *testing.T) {
	w := newWorld(t, echoURL)
	l := w.storages["pods/log"].(*logREST)
	tls := l.KubeletTLS
	tls.CAData = tls.CertData // some other CA
	var err error
	if l.kubelets, err = newKubelets(l.Nodes, tls); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.log(t.Context(), &corev1.PodLogOptions{Container: "a"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a kubelet of another CA: %v", err)
	}
	if _, _, err := w.log(t.Context(), &corev1.PodLogOptions{Container: "a", InsecureSkipTLSVerifyBackend: true}); err != nil {
		t.Errorf("asked not to check: %v", err)
	}
}

func TestAddressOf(t *testing.T) {
	n := &corev1.Node{}
	if _, err := addressOf(n); err == nil || !strings.Contains(err.Error(), "no preferred addresses found") {
		t.Errorf("%v", err)
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: "Hostname", Address: "h"}, {Type: "ExternalIP", Address: "5.6.7.8"}, {Type: "InternalIP", Address: "10.0.0.1"}}
	if got, err := addressOf(n); got != "10.0.0.1" || err != nil {
		t.Errorf("%s %v", got, err)
	}
}
