// Package persistentvolumeclaimresize lets only those claims grow whose StorageClass allows it.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
package persistentvolumeclaimresize

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "PersistentVolumeClaimResize"

var (
	errUnbound = errors.New("Only bound persistent volume claims can be expanded") //lint:ignore ST1005 the text that users know
	errClass   = errors.New("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize")
)

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges updates of PersistentVolumeClaims.
type Plugin struct {
	*admission.Handler
	lister listers.StorageClassLister
}

var (
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
)

// New returns the plugin; the initializers give it its informer.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Update)} }

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

// Validate refuses growth. Whether a claim may shrink is for the validation of claims.
func (p *Plugin) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, corev1.Resource("persistentvolumeclaims")) {
		return nil
	}
	claim, err := request.Object[*corev1.PersistentVolumeClaim](a)
	if err != nil {
		return err
	}
	old, err := request.Old[*corev1.PersistentVolumeClaim](a)
	if err != nil {
		return err
	}
	before, now := old.Spec.Resources.Requests[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if before.Cmp(now) >= 0 {
		return nil
	}
	if old.Status.Phase != corev1.ClaimBound {
		return admission.NewForbidden(a, errUnbound)
	}
	if !p.WaitForReady() {
		return request.NotReady(a)
	}
	if !p.allows(className(claim), className(old)) {
		return admission.NewForbidden(a, errClass)
	}
	return nil
}

func (p *Plugin) allows(name, old string) bool {
	if name == "" || name != old {
		return false
	}
	class, err := p.lister.Get(name)
	return err == nil && ptr.Deref(class.AllowVolumeExpansion, false)
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if name, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return name
	}
	return ptr.Deref(claim.Spec.StorageClassName, "")
}
