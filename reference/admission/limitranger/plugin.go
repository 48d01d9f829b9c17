// Package limitranger holds pods and PersistentVolumeClaims to the LimitRanges of their namespace:
// containers get the default requests and limits that they lack, and what lies outside minimum,
// maximum or ratio is refused with 403.
//
// https://kubernetes.io/docs/concepts/policy/limit-range/
package limitranger

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "LimitRanger"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin applies LimitRanges to new and resized pods and to new and changed claims. Other updates of
// pods are let through: their containers' resources cannot change.
type Plugin struct {
	*admission.Handler
	ranges *ranges
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsExternalKubeClientSet       = &Plugin{}
)

// New returns the plugin; the initializers give it its client and informers.
func New() *Plugin {
	return &Plugin{
		// Of deletions it only wants to know those of LimitRanges.
		Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete),
		ranges:  newRanges(time.Now),
	}
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.ranges.client == nil {
		return fmt.Errorf("%s plugin needs a client", PluginName)
	}
	if p.ranges.lister == nil {
		return fmt.Errorf("%s plugin needs a lister", PluginName)
	}
	return nil
}

func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.ranges.client = c }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Core().V1().LimitRanges()
	p.ranges.lister, p.ranges.synced = i.Lister(), i.Informer().HasSynced
}

// Admit gives containers the defaults they lack.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() == corev1.Resource("limitranges") && a.GetSubresource() == "" {
		p.ranges.written(a.GetNamespace())
		return nil
	}
	return p.each(ctx, a, func(r *corev1.LimitRange, o runtime.Object) error {
		if pod, ok := o.(*corev1.Pod); ok {
			applyDefaults(pod, r)
		}
		return nil
	})
}

// Validate refuses what a LimitRange does not allow, naming every bound that is broken.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return p.each(ctx, a, func(r *corev1.LimitRange, o runtime.Object) error {
		switch o := o.(type) {
		case *corev1.Pod:
			return utilerrors.NewAggregate(podViolations(r, o))
		case *corev1.PersistentVolumeClaim:
			return utilerrors.NewAggregate(claimViolations(r, o))
		}
		return nil
	})
}

// each calls do with the request's object and every LimitRange that applies to it.
func (p *Plugin) each(ctx context.Context, a admission.Attributes, do func(*corev1.LimitRange, runtime.Object) error) error {
	if !limited(a) || goingAway(a.GetOldObject()) {
		return nil
	}
	found, err := p.ranges.in(ctx, a.GetNamespace())
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("unable to %s %v at this time because there was an error enforcing limit ranges", a.GetOperation(), a.GetResource()))
	}
	for _, r := range found {
		if err := do(r, a.GetObject()); err != nil {
			return admission.NewForbidden(a, err)
		}
	}
	return nil
}

// limited says whether the request is one that LimitRanges apply to.
func limited(a admission.Attributes) bool {
	creates, updates := a.GetOperation() == admission.Create, a.GetOperation() == admission.Update
	switch a.GetResource().GroupResource() {
	case corev1.Resource("pods"):
		return creates && a.GetSubresource() == "" || updates && a.GetSubresource() == "resize"
	case corev1.Resource("persistentvolumeclaims"):
		return (creates || updates) && a.GetSubresource() == ""
	}
	return false
}

// goingAway says whether the object is being deleted: such an object must not be kept by a
// LimitRange from losing its finalizers.
func goingAway(old runtime.Object) bool {
	if old == nil {
		return false
	}
	m, err := meta.Accessor(old)
	return err == nil && m.GetDeletionTimestamp() != nil
}
