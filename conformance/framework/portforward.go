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
	return f.ForwardPorts(ctx, Any, pod, fmt.Sprintf(":%d", port))[0]
}

// ForwardPorts forwards ports as `kubectl port-forward` is told to ("8888:8080", ":8080"), until the spec ends, and
// returns the local ones.
func (f *Framework) ForwardPorts(ctx context.Context, over Transport, pod string, ports ...string) []int {
	GinkgoHelper()
	url := f.API.CoreV1().RESTClient().Post().Namespace(f.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(f.Config)
	f.must(err, "prepare to forward a port")
	overWebSocket, err := portforward.NewSPDYOverWebsocketDialer(url, f.Config)
	f.must(err, "prepare to forward a port")
	overSPDY := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	dialer := map[Transport]httpstream.Dialer{WebSocket: overWebSocket, SPDY: overSPDY,
		Any: portforward.NewFallbackDialer(overWebSocket, overSPDY, func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })}[over]
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.New(dialer, ports, stop, ready, io.Discard, GinkgoWriter)
	f.must(err, "prepare to forward a port")
	DeferCleanup(func() { close(stop) })
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		f.must(err, "forward ports %v of pod %s", ports, pod)
	case <-ctx.Done():
		Fail("the spec's time ended before the ports of pod " + pod + " were forwarded")
	}
	forwarded, err := forwarder.GetPorts()
	f.must(err, "read the forwarded ports")
	var local []int
	for _, p := range forwarded {
		local = append(local, int(p.Local))
	}
	return local
}
