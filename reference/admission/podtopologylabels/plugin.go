// Package podtopologylabels copies to a pod in which zone and region its node is, so that its
// containers can learn of it through the downward API.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels (KEP-4742)
package podtopologylabels

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "PodTopologyLabels"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin labels bindings, whose labels become the pod's, and pods that are made on a node.
type Plugin struct {
	*admission.Handler
	nodes listers.NodeLister
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
)

// New returns the plugin; the initializers give it its informer.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create)} }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Core().V1().Nodes()
	p.nodes = i.Lister()
	p.SetReadyFunc(i.Informer().HasSynced)
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.nodes == nil {
		return fmt.Errorf("%s plugin needs a lister of nodes", PluginName)
	}
	return nil
}

// Admit adds the labels of the node, over those that are there. A node that does not exist is for
// others to judge.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	node, meta, err := target(a)
	if node == "" || err != nil {
		return err
	}
	if !p.WaitForReady() {
		return request.NotReady(a)
	}
	n, err := p.nodes.Get(node)
	if errors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return errors.NewInternalError(err)
	}
	for _, label := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		if value, ok := n.Labels[label]; ok {
			metav1.SetMetaDataLabel(meta, label, value)
		}
	}
	return nil
}

// target is the node that the request assigns a pod to, if any, and what is to be labelled.
func target(a admission.Attributes) (string, *metav1.ObjectMeta, error) {
	pods := corev1.Resource("pods")
	switch {
	case request.IsSub(a, pods, "binding"), request.Is(a, corev1.Resource("bindings")):
		binding, err := request.Object[*corev1.Binding](a)
		if err != nil || (binding.Target.Kind != "" && binding.Target.Kind != "Node") {
			return "", nil, err
		}
		return binding.Target.Name, &binding.ObjectMeta, nil
	case request.Is(a, pods):
		pod, err := request.Object[*corev1.Pod](a)
		if err != nil {
			return "", nil, err
		}
		return pod.Spec.NodeName, &pod.ObjectMeta, nil
	}
	return "", nil, nil
}
