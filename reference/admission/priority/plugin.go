// Package priority turns the name of a pod's PriorityClass into its priority.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
package priority

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "Priority"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin fills in pods and keeps two PriorityClasses from both being the default.
type Plugin struct {
	*admission.Handler
	classes classes
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsExternalKubeClientSet       = &Plugin{}
)

// New returns the plugin; the initializers give it its client and informers.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.classes.client == nil {
		return fmt.Errorf("%s plugin needs a client", PluginName)
	}
	if p.classes.lister == nil {
		return fmt.Errorf("%s plugin needs a lister", PluginName)
	}
	return nil
}

func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.classes.client = c }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Scheduling().V1().PriorityClasses()
	p.classes.lister = i.Lister()
	p.SetReadyFunc(i.Informer().HasSynced)
}

// Admit fills in priority, preemptionPolicy and the default class of a pod.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return errors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
	}
	if a.GetOperation() == admission.Update {
		return keep(pod, a.GetOldObject())
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	class, err := p.classOf(ctx, pod)
	if err != nil {
		return err
	}
	if class == nil {
		return admission.NewForbidden(a, fmt.Errorf("no PriorityClass with name %v was found", pod.Spec.PriorityClassName))
	}
	if err := apply(pod, class); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

// keep carries over what a client may leave out of an update but cannot change.
func keep(pod *corev1.Pod, oldObject any) error {
	old, ok := oldObject.(*corev1.Pod)
	if !ok {
		return errors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
	}
	if pod.Spec.Priority == nil {
		pod.Spec.Priority = old.Spec.Priority
	}
	if pod.Spec.PreemptionPolicy == nil {
		pod.Spec.PreemptionPolicy = old.Spec.PreemptionPolicy
	}
	return nil
}

// classOf is nil for a pod that names a class which does not exist; a pod without a class gets
// the default one, and where there is none, a nameless class of value 0.
func (p *Plugin) classOf(ctx context.Context, pod *corev1.Pod) (*schedulingv1.PriorityClass, error) {
	if name := pod.Spec.PriorityClassName; name != "" {
		class, err := p.classes.get(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("failed to get PriorityClass with name %s: %w", name, err)
		}
		return class, nil
	}
	class, err := p.classes.globalDefault()
	if err != nil {
		return nil, fmt.Errorf("failed to get default priority class: %w", err)
	}
	if class == nil {
		class = &schedulingv1.PriorityClass{}
	}
	return class, nil
}

// apply refuses a pod that claims another priority than its class has.
func apply(pod *corev1.Pod, class *schedulingv1.PriorityClass) error {
	policy := ptr.Deref(class.PreemptionPolicy, corev1.PreemptLowerPriority)
	if own := pod.Spec.Priority; own != nil && *own != class.Value {
		return fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *own, class.Value)
	}
	if own := pod.Spec.PreemptionPolicy; own != nil && *own != policy {
		return fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *own, policy)
	}
	pod.Spec.PriorityClassName = class.Name
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = ptr.To(class.Value), ptr.To(policy)
	return nil
}

// Validate refuses a second PriorityClass that wants to be the default.
func (p *Plugin) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != schedulingv1.Resource("priorityclasses") || a.GetSubresource() != "" {
		return nil
	}
	class, ok := a.GetObject().(*schedulingv1.PriorityClass)
	if !ok {
		return errors.NewBadRequest("resource was marked with kind PriorityClass but was unable to be converted")
	}
	if !class.GlobalDefault {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	current, err := p.classes.globalDefault()
	if err != nil {
		return fmt.Errorf("failed to get default priority class: %w", err)
	}
	if current != nil && current.Name != class.Name {
		return admission.NewForbidden(a, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", current.Name))
	}
	return nil
}
