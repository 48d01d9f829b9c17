// Package runtimeclass adds to a pod what its RuntimeClass says about overhead and scheduling.
//
// https://kubernetes.io/docs/concepts/containers/runtime-class/
package runtimeclass

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/node/v1"

	"github.com/etalon-dev/etalon/reference/admission/request"
	"github.com/etalon-dev/etalon/reference/admission/tolerations"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "RuntimeClass"

var (
	errOverhead = errors.New("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
	errUncalled = errors.New("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
)

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin completes new pods and refuses those whose class is unknown or says otherwise.
type Plugin struct {
	*admission.Handler
	lister listers.RuntimeClassLister
	client kubernetes.Interface
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsExternalKubeClientSet       = &Plugin{}
)

// New returns the plugin; the initializers give it its client and informers.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create)} }

func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Node().V1().RuntimeClasses()
	p.lister = i.Lister()
	p.SetReadyFunc(i.Informer().HasSynced)
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.lister == nil || p.client == nil {
		return fmt.Errorf("%s plugin needs a lister and a client", PluginName)
	}
	return nil
}

// Admit fills in overhead, nodeSelector and tolerations.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, class, err := p.read(ctx, a)
	if pod == nil || err != nil {
		return err
	}
	if err := complete(pod, class); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

// Validate judges the overhead once more: a webhook may have changed it, or someone set it without
// a class.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, class, err := p.read(ctx, a)
	if pod == nil || err != nil {
		return err
	}
	switch {
	case class != nil && class.Overhead != nil:
		if !equality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return admission.NewForbidden(a, errOverhead)
		}
	case len(pod.Spec.Overhead) > 0:
		return admission.NewForbidden(a, errUncalled)
	}
	return nil
}

// read returns no pod for a request that is not about one, and no class for a pod that names none.
func (p *Plugin) read(ctx context.Context, a admission.Attributes) (*corev1.Pod, *nodev1.RuntimeClass, error) {
	if !request.Is(a, corev1.Resource("pods")) {
		return nil, nil, nil
	}
	if !p.WaitForReady() {
		return nil, nil, request.NotReady(a)
	}
	pod, err := request.Object[*corev1.Pod](a)
	if err != nil || pod.Spec.RuntimeClassName == nil {
		return pod, nil, err
	}
	name := *pod.Spec.RuntimeClassName
	class, err := p.lister.Get(name)
	if apierrors.IsNotFound(err) { // it may be younger than what the informer knows
		class, err = p.client.NodeV1().RuntimeClasses().Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, nil, admission.NewForbidden(a, fmt.Errorf("pod rejected: RuntimeClass %q not found", name))
	}
	return pod, class, err
}

func complete(pod *corev1.Pod, class *nodev1.RuntimeClass) error {
	if class == nil {
		return nil
	}
	if class.Overhead != nil {
		if pod.Spec.Overhead != nil && !equality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return errOverhead
		}
		pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	}
	if class.Scheduling == nil {
		return nil
	}
	for key, value := range class.Scheduling.NodeSelector {
		if own, ok := pod.Spec.NodeSelector[key]; ok && own != value {
			return fmt.Errorf("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, value, key, own)
		}
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = value
	}
	pod.Spec.Tolerations = tolerations.Merge(class.Scheduling.Tolerations, pod.Spec.Tolerations)
	return nil
}
