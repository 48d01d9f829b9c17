package connect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// streamMethods: clients that speak SPDY POST, those that speak WebSocket can only GET.
var streamMethods = []string{"GET", "POST"}

func (l locator) exec() rest.Storage {
	return &connecter[*corev1.PodExecOptions]{
		object:  func() runtime.Object { return &corev1.PodExecOptions{} },
		options: func() *corev1.PodExecOptions { return &corev1.PodExecOptions{} },
		methods: streamMethods,
		connect: func(ctx context.Context, name string, o *corev1.PodExecOptions, r rest.Responder) (http.Handler, error) {
			streams := proxy.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY}
			return l.stream(ctx, "exec", name, o.Container, streams, o.Command, r)
		},
	}
}

func (l locator) attach() rest.Storage {
	return &connecter[*corev1.PodAttachOptions]{
		object:  func() runtime.Object { return &corev1.PodAttachOptions{} },
		options: func() *corev1.PodAttachOptions { return &corev1.PodAttachOptions{} },
		methods: streamMethods,
		connect: func(ctx context.Context, name string, o *corev1.PodAttachOptions, r rest.Responder) (http.Handler, error) {
			streams := proxy.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY}
			return l.stream(ctx, "attach", name, o.Container, streams, nil, r)
		},
	}
}

func (l locator) portForward() rest.Storage {
	return &connecter[*corev1.PodPortForwardOptions]{
		object:  func() runtime.Object { return &corev1.PodPortForwardOptions{} },
		options: func() *corev1.PodPortForwardOptions { return &corev1.PodPortForwardOptions{} },
		methods: streamMethods,
		connect: func(ctx context.Context, name string, o *corev1.PodPortForwardOptions, r rest.Responder) (http.Handler, error) {
			if err := requireCreate(ctx, l.Authorizer); err != nil {
				return nil, err
			}
			pod, err := l.Pods(ctx, name)
			if err != nil {
				return nil, err
			}
			t, err := l.kubeletOf(ctx, pod)
			if err != nil {
				return nil, err
			}
			t.location.Path = fmt.Sprintf("/portForward/%s/%s", pod.Namespace, pod.Name)
			t.location.RawQuery = portQuery(o.Ports).Encode()
			h := forward(t, false, true, r)
			// A WebSocket client tunnels SPDY, which the kubelet gets unwrapped.
			return proxy.NewTranslatingHandler(h, proxy.NewTunnelingHandler(h), wsstream.IsWebSocketRequestWithTunnelingProtocol), nil
		},
	}
}

// stream connects to a container's streams. The kubelet speaks SPDY; a client that speaks the
// current WebSocket protocol is translated, and any other is passed on as it is.
func (l locator) stream(ctx context.Context, action, name, container string, streams proxy.Options, command []string, r rest.Responder) (http.Handler, error) {
	if err := requireCreate(ctx, l.Authorizer); err != nil {
		return nil, err
	}
	pod, err := l.Pods(ctx, name)
	if err != nil {
		return nil, err
	}
	if container, err = containerOf(pod, container); err != nil {
		return nil, err
	}
	t, err := l.kubeletOf(ctx, pod)
	if err != nil {
		return nil, err
	}
	t.location.Path = fmt.Sprintf("/%s/%s/%s/%s", action, pod.Namespace, pod.Name, container)
	t.location.RawQuery = streamQuery(streams, command).Encode()
	translator := proxy.NewStreamTranslatorHandler(t.location, t.transport, 0, streams)
	return proxy.NewTranslatingHandler(forward(t, false, true, r), translator, wsstream.IsWebSocketRequestWithStreamCloseProtocol), nil
}

func (l locator) kubeletOf(ctx context.Context, pod *corev1.Pod) (target, error) {
	if pod.Spec.NodeName == "" {
		return target{}, errors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	u, err := l.kubelets.find(ctx, pod.Spec.NodeName)
	return target{u, l.kubelets.secure}, err
}

func streamQuery(s proxy.Options, command []string) url.Values {
	q := url.Values{}
	for key, on := range map[string]bool{"input": s.Stdin, "output": s.Stdout, "error": s.Stderr, "tty": s.Tty} {
		if on {
			q.Set(key, "1")
		}
	}
	if len(command) > 0 {
		q["command"] = command
	}
	return q
}

func portQuery(ports []int32) url.Values {
	if len(ports) == 0 {
		return nil
	}
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = strconv.Itoa(int(p))
	}
	return url.Values{"port": {strings.Join(list, ",")}}
}
