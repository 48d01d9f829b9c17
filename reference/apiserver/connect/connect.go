// Package connect serves what the API server passes on: logs, exec, attach and port-forward to
// the kubelet of a pod's node, and the proxies to pods, services and nodes.
package connect

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/transport"
)

// Getter finds an object by name, in the namespace of the context, as the error of a REST
// storage if there is none.
type Getter[T runtime.Object] func(ctx context.Context, name string) (T, error)

// From makes a Getter of a resource's storage.
func From[T runtime.Object](store rest.Getter) Getter[T] {
	return func(ctx context.Context, name string) (T, error) {
		var none T
		o, err := store.Get(ctx, name, &metav1.GetOptions{})
		if err != nil {
			return none, err
		}
		t, ok := o.(T)
		if !ok {
			return none, fmt.Errorf("storage of %T returned a %T for %q", none, o, name)
		}
		return t, nil
	}
}

// Config is what the storages need to know. All of it is required.
type Config struct {
	Pods           Getter[*corev1.Pod]
	Nodes          Getter[*corev1.Node]
	Services       Getter[*corev1.Service]
	EndpointSlices proxy.EndpointSliceGetter
	// Authorizer decides whether exec, attach and port-forward over WebSocket, which arrive
	// as GET, are also allowed as what they are.
	Authorizer authorizer.UnconditionalAuthorizer
	// KubeletTLS is our client certificate towards kubelets, and the CA of theirs.
	KubeletTLS transport.TLSConfig
}

// Storages returns the storages by resource path, to be installed in the core group's v1.
func Storages(c Config) (map[string]rest.Storage, error) {
	k, err := newKubelets(c.Nodes, c.KubeletTLS)
	if err != nil {
		return nil, err
	}
	l := locator{Config: c, kubelets: k, backend: newBackendTransport()}
	return map[string]rest.Storage{
		"pods/log":         &logREST{l},
		"pods/exec":        l.exec(),
		"pods/attach":      l.attach(),
		"pods/portforward": l.portForward(),
		"pods/proxy":       l.podProxy(),
		"services/proxy":   l.serviceProxy(),
		"nodes/proxy":      l.nodeProxy(),
	}, nil
}

// locator finds where a request goes on to, and how.
type locator struct {
	Config
	kubelets *kubelets
	backend  http.RoundTripper // to pods and services
}
