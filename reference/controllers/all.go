package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
)

// runner is what every controller is.
type runner interface {
	Run(ctx context.Context, workers int)
}

// env is what controllers are made from.
type env struct {
	Options
	config      *rest.Config // of client, for clients of other kinds
	client      kubernetes.Interface
	metadata    metadata.Interface
	discovery   discovery.DiscoveryInterface
	shared      informers.SharedInformerFactory
	broadcaster record.EventBroadcaster
}

// events returns a recorder that speaks in the name of the component.
func (e *env) events(component string) record.EventRecorder {
	return e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
}

// registration is a controller by the name that --controllers knows it by.
// Workers say how many keys it works on at once; those whose reconciliation is
// mostly waiting for the API server have more. build returns nil where what it
// needs was not given: such a controller does not run.
type registration struct {
	name    string
	workers int
	build   func(e *env) runner
}

// registered are all controllers, in the order in which they are started.
var registered = slices.Concat(machinery, security, workloads, network, nodes, storage)

// Names returns the names of all controllers.
func Names() []string {
	names := make([]string, 0, len(registered))
	for _, controller := range registered {
		names = append(names, controller.name)
	}
	return names
}
