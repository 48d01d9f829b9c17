package controllers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// a request of the controllers, made with no context of its own.
func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Once the leadership has ended, reads are answered and writes do not reach the server.
func TestNothingIsWrittenWithoutLeave(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Method) }))
	defer server.Close()
	leads := true
	transport := bound{RoundTripper: http.DefaultTransport, ctx: t.Context(), may: func() bool { return leads }}
	do := func(method string) error {
		response, err := transport.RoundTrip(request(t, method, server.URL))
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	if err := do(http.MethodPost); err != nil {
		t.Error(err)
	}
	leads = false
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if err := do(method); !errors.Is(err, errNotLeading) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if err := do(http.MethodGet); err != nil {
		t.Error(err)
	}
	if got := strings.Join(seen, " "); got != "POST GET" {
		t.Errorf("the server saw %s", got)
	}
}

// Requests end with the controllers, whatever context they were made with: those that wait for an answer, those
// that read one, and those that were yet to be made.
func TestNoRequestOutlivesTheControllers(t *testing.T) {
	held := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then it hears of the end of the connection
		held <- struct{}{}
		<-r.Context().Done() // the server has heard that nobody waits
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	transport := bound{RoundTripper: http.DefaultTransport, ctx: ctx, may: func() bool { return true }}
	waiting := make(chan error, 1)
	go func() {
		response, err := transport.RoundTrip(request(t, http.MethodGet, server.URL))
		if err == nil {
			err = response.Body.Close()
		}
		waiting <- err
	}()
	stream, err := transport.RoundTrip(request(t, http.MethodGet, server.URL+"/stream"))
	if err != nil {
		t.Fatal(err)
	}
	<-held
	<-held
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("who waited for an answer got %v", err)
	}
	if _, err := io.ReadAll(stream.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("who read an answer got %v", err)
	}
	if err := stream.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := transport.RoundTrip(request(t, http.MethodGet, server.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("who came later got %v", err)
	}
}
