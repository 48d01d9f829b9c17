package connect

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/transport"
)

// defaultKubeletPort is where a kubelet listens whose node does not say otherwise.
const defaultKubeletPort = 10250

// kubelets knows how to reach the kubelet of each node. Its connections are shared and reused.
type kubelets struct {
	nodes    Getter[*corev1.Node]
	secure   http.RoundTripper
	insecure http.RoundTripper // does not check the kubelet's certificate
}

func newKubelets(nodes Getter[*corev1.Node], t transport.TLSConfig) (*kubelets, error) {
	secure, err := transport.New(&transport.Config{TLS: t})
	if err != nil {
		return nil, fmt.Errorf("TLS towards kubelets: %w", err)
	}
	t.Insecure, t.CAFile, t.CAData = true, "", nil
	insecure, err := transport.New(&transport.Config{TLS: t})
	if err != nil {
		return nil, fmt.Errorf("TLS towards kubelets: %w", err)
	}
	return &kubelets{nodes, secure, insecure}, nil
}

// find returns the base URL of a node's kubelet.
func (k *kubelets) find(ctx context.Context, node string) (*url.URL, error) {
	n, err := k.nodes(ctx, node)
	if err != nil {
		return nil, err
	}
	return kubeletOf(n)
}

func kubeletOf(n *corev1.Node) (*url.URL, error) {
	host, err := addressOf(n)
	if err != nil {
		return nil, err
	}
	port := int(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = defaultKubeletPort
	}
	return &url.URL{Scheme: "https", Host: net.JoinHostPort(host, strconv.Itoa(port))}, nil
}

// addressOf prefers addresses: they work before there is any DNS in the cluster.
func addressOf(n *corev1.Node) (string, error) {
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName} {
		for _, a := range n.Status.Addresses {
			if a.Type == kind && a.Address != "" {
				return a.Address, nil
			}
		}
	}
	return "", fmt.Errorf("no preferred addresses found; known addresses: %v", n.Status.Addresses)
}

// newBackendTransport reaches pods. Nobody vouches for their certificates, so none is checked.
func newBackendTransport() http.RoundTripper {
	return utilnet.SetTransportDefaults(&http.Transport{
		DialContext:     (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	})
}
