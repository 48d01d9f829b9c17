// Package storageobjectinuseprotection marks volumes, claims and attribute classes so that their
// deletion waits until nobody uses them. Controllers take the mark off.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
package storageobjectinuseprotection

import (
	"context"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "StorageObjectInUseProtection"

// The finalizers.
const (
	VolumeFinalizer = "kubernetes.io/pv-protection"
	ClaimFinalizer  = "kubernetes.io/pvc-protection"
	ClassFinalizer  = "kubernetes.io/vac-protection"
)

var finalizers = map[schema.GroupResource]string{
	corev1.Resource("persistentvolumes"):                              VolumeFinalizer,
	corev1.Resource("persistentvolumeclaims"):                         ClaimFinalizer,
	{Group: storagev1.GroupName, Resource: "volumeattributesclasses"}: ClassFinalizer,
}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin adds the finalizer to new objects.
type Plugin struct{ *admission.Handler }

var _ admission.MutationInterface = &Plugin{}

// New returns the plugin; it needs nothing.
func New() *Plugin { return &Plugin{admission.NewHandler(admission.Create)} }

// Admit adds the finalizer.
func (*Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	finalizer, ok := finalizers[a.GetResource().GroupResource()]
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	m, err := meta.Accessor(a.GetObject())
	if err != nil {
		return err
	}
	if have := m.GetFinalizers(); !slices.Contains(have, finalizer) {
		m.SetFinalizers(append(have, finalizer))
	}
	return nil
}
