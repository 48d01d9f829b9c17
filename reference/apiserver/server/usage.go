package server

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/transport"

	"github.com/etalon-dev/etalon/reference/apiserver/connect"
	"github.com/etalon-dev/etalon/reference/apiserver/registry"
	"github.com/etalon-dev/etalon/reference/apiserver/usage"
)

// kubeletTLS is our client certificate towards kubelets, and the CA of theirs.
func (b *builtInServer) kubeletTLS() transport.TLSConfig {
	return transport.TLSConfig{
		CertFile: b.options.KubeletCertFile, KeyFile: b.options.KubeletKeyFile, CAFile: b.options.KubeletCAFile,
	}
}

// usage is what metrics.k8s.io has its numbers from.
func (b *builtInServer) usage(built *registry.Built) (*usage.Source, error) {
	reader, err := connect.NewReader(b.kubeletTLS())
	if err != nil {
		return nil, err
	}
	return usage.New(usage.Config{
		Get: reader.Get,
		Nodes: func(ctx context.Context) ([]*corev1.Node, error) {
			return cached[*corev1.Node](genericapirequest.WithNamespace(ctx, ""), built.Nodes)
		},
		Pods: func(ctx context.Context, namespace string) ([]*corev1.Pod, error) {
			return cached[*corev1.Pod](genericapirequest.WithNamespace(ctx, namespace), built.Pods)
		},
	}), nil
}

// cached lists a resource as the watch cache has it.
func cached[T runtime.Object](ctx context.Context, store rest.Lister) ([]T, error) {
	list, err := store.List(ctx, &metainternalversion.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	var out []T
	err = meta.EachListItem(list, func(o runtime.Object) error {
		t, ok := o.(T)
		if !ok {
			return fmt.Errorf("a list of other things: %T", o)
		}
		out = append(out, t)
		return nil
	})
	return out, err
}
