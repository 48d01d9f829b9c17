package connect

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
)

var proxyMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

func (l locator) podProxy() rest.Storage {
	return proxyTo(func() *corev1.PodProxyOptions { return &corev1.PodProxyOptions{} },
		func(o *corev1.PodProxyOptions) string { return o.Path }, l.pod)
}

func (l locator) serviceProxy() rest.Storage {
	return proxyTo(func() *corev1.ServiceProxyOptions { return &corev1.ServiceProxyOptions{} },
		func(o *corev1.ServiceProxyOptions) string { return o.Path }, l.service)
}

func (l locator) nodeProxy() rest.Storage {
	return proxyTo(func() *corev1.NodeProxyOptions { return &corev1.NodeProxyOptions{} },
		func(o *corev1.NodeProxyOptions) string { return o.Path }, l.node)
}

// proxyTo serves a proxy subresource: the object's id, `name`, `name:port` or
// `scheme:name:port`, says where to, and the path is appended.
// https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
func proxyTo[O runtime.Object](options func() O, path func(O) string, locate func(ctx context.Context, id string) (target, error)) rest.Storage {
	return &connecter[O]{
		object:  func() runtime.Object { return options() },
		options: options,
		path:    true,
		methods: proxyMethods,
		connect: func(ctx context.Context, id string, o O, r rest.Responder) (http.Handler, error) {
			t, err := locate(ctx, id)
			if err != nil {
				return nil, err
			}
			t.location.Path = utilnet.JoinPreservingTrailingSlash(t.location.Path, path(o))
			return forward(t, true, false, r), nil
		},
	}
}

// pod goes to the pod's address, at the port named or the first one that a container declares.
func (l locator) pod(ctx context.Context, id string) (target, error) {
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return target{}, errors.NewBadRequest(fmt.Sprintf("invalid pod request %q", id))
	}
	pod, err := l.Pods(ctx, name)
	if err != nil {
		return target{}, err
	}
	if port == "" {
		port = firstPort(pod)
	}
	if err := mayProxyTo(pod.Status.PodIP); err != nil {
		return target{}, err
	}
	u := &url.URL{Scheme: scheme, Host: pod.Status.PodIP}
	if port != "" {
		u.Host = net.JoinHostPort(pod.Status.PodIP, port)
	}
	return target{u, l.backend}, nil
}

func firstPort(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if len(c.Ports) > 0 {
			return strconv.Itoa(int(c.Ports[0].ContainerPort))
		}
	}
	return ""
}

// service goes to any ready endpoint behind the port, which is given by name or by number.
func (l locator) service(ctx context.Context, id string) (target, error) {
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return target{}, errors.NewBadRequest(fmt.Sprintf("invalid service request %q", id))
	}
	svc, err := l.Services(ctx, name)
	if err != nil {
		return target{}, err
	}
	if number, err := strconv.Atoi(port); err == nil {
		if port, err = portName(svc, number); err != nil {
			return target{}, err
		}
	}
	slices, err := l.EndpointSlices.GetEndpointSlices(request.NamespaceValue(ctx), name)
	if err != nil {
		return target{}, err
	}
	family := corev1.IPFamilyUnknown
	if len(svc.Spec.IPFamilies) > 0 {
		family = svc.Spec.IPFamilies[0]
	}
	allowed := func(e *discoveryv1.Endpoint) bool { return mayProxyTo(e.Addresses[0]) == nil }
	host, err := proxy.RandomEndpoint(name, slices, port, family, allowed)
	if err != nil {
		return target{}, err
	}
	return target{&url.URL{Scheme: scheme, Host: host}, l.backend}, nil
}

func portName(svc *corev1.Service, number int) (string, error) {
	for _, p := range svc.Spec.Ports {
		if int(p.Port) == number {
			return p.Name, nil
		}
	}
	return "", errors.NewServiceUnavailable(fmt.Sprintf("no service port %d found for service %q", number, svc.Name))
}

// node goes to the kubelet, with our certificate, or to another port of the node, without.
func (l locator) node(ctx context.Context, id string) (target, error) {
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return target{}, errors.NewBadRequest(fmt.Sprintf("invalid node request %q", id))
	}
	kubelet, err := l.kubelets.find(ctx, name)
	if err != nil {
		return target{}, err
	}
	if port == "" || port == kubelet.Port() {
		return target{kubelet, l.kubelets.secure}, nil
	}
	if err := mayProxyTo(kubelet.Hostname()); err != nil {
		return target{}, err
	}
	return target{&url.URL{Scheme: scheme, Host: net.JoinHostPort(kubelet.Hostname(), port)}, l.backend}, nil
}

// mayProxyTo refuses what would lead to the API server's own machine or link: a status can be
// written by whoever runs the pod.
func mayProxyTo(address string) error {
	if ip := net.ParseIP(address); ip == nil || !ip.IsGlobalUnicast() {
		return errors.NewBadRequest("address not allowed")
	}
	return nil
}
