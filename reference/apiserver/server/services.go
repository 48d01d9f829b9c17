package server

import (
	"net/url"

	corev1 "k8s.io/api/core/v1"
	utilproxy "k8s.io/apiserver/pkg/util/proxy"
	corelisters "k8s.io/client-go/listers/core/v1"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
)

// services finds webhooks and extension servers. They are pods, and this server reaches pods, not
// cluster IPs; or they are outside, under an external name.
type services struct {
	corelisters.ServiceLister
	endpoints aggregatorapiserver.ServiceResolver
}

// ResolveEndpoint implements aggregatorapiserver.ServiceResolver.
func (s services) ResolveEndpoint(namespace, name string, port int32) (*url.URL, error) {
	if service, err := s.Services(namespace).Get(name); err == nil && service.Spec.Type == corev1.ServiceTypeExternalName {
		return utilproxy.ResolveCluster(s, namespace, name, port)
	}
	return s.endpoints.ResolveEndpoint(namespace, name, port)
}
