package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// clients are n clients of the peer, each with a connection of its own.
func (p *peer) clients(n int, encoding string) ([]*kubernetes.Clientset, error) {
	clients := make([]*kubernetes.Clientset, n)
	for i := range clients {
		config := rest.CopyConfig(p.config)
		if encoding == Protobuf {
			config.ContentType, config.AcceptContentTypes = protobuf, protobuf
		}
		web, err := ownConnection(config)
		if err != nil {
			return nil, err
		}
		if clients[i], err = kubernetes.NewForConfigAndClient(config, web); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// ownConnection is a client that shares its connection with no other: client-go would share it
// among all with the same configuration, except for one with a dialer of its own.
func ownConnection(config *rest.Config) (*http.Client, error) {
	config = rest.CopyConfig(config)
	config.Dial = (&net.Dialer{}).DialContext
	return rest.HTTPClientFor(config)
}

// namespace makes a namespace in which pods can be created: without controllers, nobody else makes
// the ServiceAccount that pods need. The bare server needs neither.
func (p *peer) namespace(ctx context.Context, name string) error {
	client, err := kubernetes.NewForConfig(p.config)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		_, err = client.CoreV1().ServiceAccounts(name).Create(ctx, account, metav1.CreateOptions{})
	}
	return err
}

func podName(i int) string { return fmt.Sprintf("pod-%d", i) }

// write is a workload in which every request writes one pod of the namespace.
type write func(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error

func create(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error {
	_, err := client.CoreV1().Pods(namespace).Create(ctx, pod(namespace, podName(i)), metav1.CreateOptions{})
	return err
}

func update(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error {
	changed := pod(namespace, podName(i))
	changed.Labels["tier"] = "frontend"
	_, err := client.CoreV1().Pods(namespace).Update(ctx, changed, metav1.UpdateOptions{})
	return err
}

func bind(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error {
	return client.CoreV1().Pods(namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: podName(i), Namespace: namespace},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "node-1"},
	}, metav1.CreateOptions{})
}

// runWrites measures one write of each pod of the namespace.
func (p *peer) runWrites(ctx context.Context, o Options, encoding, namespace string, n int, w write) (Sample, error) {
	clients, err := p.clients(o.Clients, encoding)
	if err != nil {
		return Sample{}, err
	}
	return p.measure(ctx, len(clients), n, func(ctx context.Context, client, i int) error {
		return w(ctx, clients[client], namespace, i)
	})
}

// runLists measures lists of the whole namespace. The answers are read and thrown away: decoding
// them would be the client's work.
func (p *peer) runLists(ctx context.Context, o Options, encoding, namespace string) (Sample, error) {
	accept := "application/json"
	if encoding == Protobuf {
		accept = protobuf
	}
	web, err := ownConnection(p.config)
	if err != nil {
		return Sample{}, err
	}
	url := p.config.Host + "/api/v1/namespaces/" + namespace + "/pods"
	return p.measure(ctx, 1, o.Lists, func(ctx context.Context, _, _ int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Encoding", "identity") // compression is not what is compared
		response, err := web.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		size, err := io.Copy(io.Discard, response.Body)
		if err == nil && (response.StatusCode != http.StatusOK || size == 0) {
			err = fmt.Errorf("list: %s, %d bytes", response.Status, size)
		}
		return err
	})
}
