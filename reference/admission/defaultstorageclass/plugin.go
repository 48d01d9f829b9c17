// Package defaultstorageclass gives claims that ask for no StorageClass the default one.
//
// https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
package defaultstorageclass

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/storage/v1"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

const (
	// PluginName is the plugin's name in flags and metrics.
	PluginName = "DefaultStorageClass"

	annotation     = "storageclass.kubernetes.io/is-default-class"
	betaAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
)

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin completes new PersistentVolumeClaims. A claim that names the empty class wants none.
type Plugin struct {
	*admission.Handler
	lister listers.StorageClassLister
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
)

// New returns the plugin; the initializers give it its informer.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create)} }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Storage().V1().StorageClasses()
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

// Admit names the default class in a claim that names none.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, corev1.Resource("persistentvolumeclaims")) {
		return nil
	}
	claim, err := request.Object[*corev1.PersistentVolumeClaim](a)
	if err != nil {
		return err
	}
	if _, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; ok || claim.Spec.StorageClassName != nil {
		return nil
	}
	if !p.WaitForReady() {
		return request.NotReady(a)
	}
	all, err := p.lister.List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if class := Default(all); class != nil {
		claim.Spec.StorageClassName = &class.Name
	}
	return nil
}

// Default is the class among all that is marked as the default, or nil. Of several it is the
// newest, and of those made in the same second the first by name.
func Default(all []*storagev1.StorageClass) *storagev1.StorageClass {
	var best *storagev1.StorageClass
	for _, c := range all {
		if c.Annotations[annotation] != "true" && c.Annotations[betaAnnotation] != "true" {
			continue
		}
		if best == nil || best.CreationTimestamp.Before(&c.CreationTimestamp) ||
			best.CreationTimestamp.Equal(&c.CreationTimestamp) && c.Name < best.Name {
			best = c
		}
	}
	return best
}
