package connect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	kubeletforward "k8s.io/cri-streaming/pkg/streaming/portforward"
)

// echo is a kubelet whose pods answer on every port with the port and what they were sent.
type echo struct{}

func (echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kubeletforward.ServePortForward(w, r, echo{}, "p", "", nil, time.Minute, time.Minute, kubeletforward.SupportedProtocols)
}

func (echo) PortForward(_ context.Context, _, _ string, port int32, s io.ReadWriteCloser) error {
	defer s.Close() //nolint:errcheck
	line := make([]byte, 5)
	if _, err := io.ReadFull(s, line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s, "%d:%s", port, line)
	return err
}

func TestPortForward(t *testing.T) {
	for name, dial := range map[string]func(*testing.T, *world) (httpstream.Dialer, error){
		"SPDY": func(t *testing.T, w *world) (httpstream.Dialer, error) {
			rt, upgrader, err := spdy.RoundTripperFor(w.config())
			if err != nil {
				return nil, err
			}
			return spdy.NewDialer(upgrader, &http.Client{Transport: rt}, "POST", w.url(t, "/pods/p/portforward")), nil
		},
		"WebSocket": func(t *testing.T, w *world) (httpstream.Dialer, error) {
			return portforward.NewSPDYOverWebsocketDialer(w.url(t, "/pods/p/portforward"), w.config())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dialer, err := dial(t, newWorld(t, echo{}))
			if err != nil {
				t.Fatal(err)
			}
			stop, ready := make(chan struct{}), make(chan struct{})
			var messages bytes.Buffer
			f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:8080"}, stop, ready, &messages, &messages)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- f.ForwardPorts() }()
			select {
			case <-ready:
			case err := <-done:
				t.Fatalf("ended before it was ready: %v", err)
			}
			ports, err := f.GetPorts()
			if err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			if string(got) != "8080:hello" || err != nil {
				t.Errorf("%q %v (%s)", got, err, messages.String())
			}
			close(stop)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
