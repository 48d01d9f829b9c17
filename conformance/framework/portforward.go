package framework

import (
	"context"
	"fmt"
	"io"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// ForwardPort forwards a free local port to a port of the pod, until the spec ends, and returns the local port.
func (f *Framework) ForwardPort(ctx context.Context, pod string, port int) int {
	GinkgoHelper()
	url := f.API.CoreV1().RESTClient().Post().Namespace(f.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(f.Config)
	f.must(err, "prepare to forward a port")
	overWebSocket, err := portforward.NewSPDYOverWebsocketDialer(url, f.Config)
	f.must(err, "prepare to forward a port")
	dialer := portforward.NewFallbackDialer(overWebSocket, spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url),
		func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.New(dialer, []string{fmt.Sprintf(":%d", port)}, stop, ready, io.Discard, GinkgoWriter)
	f.must(err, "prepare to forward a port")
	DeferCleanup(func() { close(stop) })
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		f.must(err, "forward port %d of pod %s", port, pod)
	case <-ctx.Done():
		Fail("the spec's time ended before the port of pod " + pod + " was forwarded")
	}
	ports, err := forwarder.GetPorts()
	f.must(err, "read the forwarded port")
	return int(ports[0].Local)
}
