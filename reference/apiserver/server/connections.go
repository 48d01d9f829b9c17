package server

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/rest"
	utilproxy "k8s.io/apiserver/pkg/util/proxy"

	"github.com/etalon-dev/etalon/reference/apiserver/connect"
	"github.com/etalon-dev/etalon/reference/apiserver/registry"
)

// addConnections adds the subresources that reach kubelets and pods: log, exec, attach,
// port-forward and the proxies.
func (b *builtInServer) addConnections(core map[string]rest.Storage, built *registry.Built,
	z authorizer.UnconditionalAuthorizer, slices utilproxy.EndpointSliceGetter,
) error {
	storages, err := connect.Storages(connect.Config{
		Pods:           connect.From[*corev1.Pod](built.Pods),
		Nodes:          connect.From[*corev1.Node](built.Nodes),
		Services:       connect.From[*corev1.Service](built.Services),
		EndpointSlices: slices,
		Authorizer:     z,
		KubeletTLS:     b.kubeletTLS(),
	})
	if err != nil {
		return err
	}
	maps.Copy(core, storages)
	return nil
}
