// Package defaultingressclass gives Ingresses that ask for no IngressClass the default one.
//
// https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
package defaultingressclass

import (
	"context"
	"fmt"
	"io"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/networking/v1"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

const (
	// PluginName is the plugin's name in flags and metrics.
	PluginName = "DefaultIngressClass"

	// classAnnotation is how Ingresses named their class before there was a field.
	classAnnotation = "kubernetes.io/ingress.class"
)

var ingresses = schema.GroupResource{Group: networkingv1.GroupName, Resource: "ingresses"}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin completes new Ingresses.
type Plugin struct {
	*admission.Handler
	lister listers.IngressClassLister
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
)

// New returns the plugin; the initializers give it its informer.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create)} }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Networking().V1().IngressClasses()
	p.lister = i.Lister()
	p.SetReadyFunc(i.Informer().HasSynced)
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.lister == nil {
		return fmt.Errorf("%s plugin needs a lister", PluginName)
	}
	return nil
}

// Admit names the default class in an Ingress that names none.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, ingresses) {
		return nil
	}
	ingress, err := request.Object[*networkingv1.Ingress](a)
	if err != nil {
		return err
	}
	if _, ok := ingress.Annotations[classAnnotation]; ok || ingress.Spec.IngressClassName != nil {
		return nil
	}
	if !p.WaitForReady() {
		return request.NotReady(a)
	}
	all, err := p.lister.List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if class := choose(all); class != nil {
		ingress.Spec.IngressClassName = &class.Name
	}
	return nil
}

// choose is the class marked as the default, or nil. Of several it is the newest, and of those made
// in the same second the first by name.
func choose(all []*networkingv1.IngressClass) *networkingv1.IngressClass {
	var best *networkingv1.IngressClass
	for _, c := range all {
		if c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] != "true" {
			continue
		}
		if best == nil || best.CreationTimestamp.Before(&c.CreationTimestamp) ||
			best.CreationTimestamp.Equal(&c.CreationTimestamp) && c.Name < best.Name {
			best = c
		}
	}
	return best
}
