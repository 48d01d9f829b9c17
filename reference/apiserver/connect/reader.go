package connect

import (
	"context"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/transport"
)

// maxPage bounds what is read of a kubelet's answer.
const maxPage = 64 << 20

// Reader reads pages of kubelets, as the API server.
type Reader struct{ client *http.Client }

// NewReader returns a Reader with our client certificate towards kubelets, and the CA of theirs.
func NewReader(t transport.TLSConfig) (*Reader, error) {
	secure, err := transport.New(&transport.Config{TLS: t})
	if err != nil {
		return nil, fmt.Errorf("TLS towards kubelets: %w", err)
	}
	return &Reader{&http.Client{Transport: secure}}, nil
}

// Get reads one page of the node's kubelet. Any other answer than 200 is an error.
func (r *Reader) Get(ctx context.Context, node *corev1.Node, path string) ([]byte, error) {
	location, err := kubeletOf(node)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location.JoinPath(path).String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %.200s", location.JoinPath(path), answer.Status, text)
	}
	return text, nil
}
