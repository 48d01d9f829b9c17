// Package serviceaccount gives every pod an identity: a ServiceAccount, its image pull
// secrets, and its API token mounted into the containers.
//
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
package serviceaccount

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

const (
	// PluginName is the plugin's name in flags and metrics.
	PluginName = "ServiceAccount"
	// DefaultName is the ServiceAccount of pods that name none.
	DefaultName = "default"
)

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin fills in pods at creation.
type Plugin struct {
	*admission.Handler
	accounts accounts
	newName  func(prefix string) string
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsExternalKubeClientSet       = &Plugin{}
)

// New returns the plugin; the initializers give it its client and informers.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create), newName: names.SimpleNameGenerator.GenerateName}
}

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.accounts.client == nil {
		return fmt.Errorf("%s plugin needs a client", PluginName)
	}
	if p.accounts.lister == nil {
		return fmt.Errorf("%s plugin needs a lister", PluginName)
	}
	return nil
}

func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.accounts.client = c }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	i := f.Core().V1().ServiceAccounts()
	p.accounts.lister = i.Lister()
	p.SetReadyFunc(i.Informer().HasSynced)
}

// Admit fills in what a pod leaves out. Mirror pods are left as they are: the kubelet deletes
// one that differs from the file it was made from.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	pod, err := podOf(a)
	if pod == nil || err != nil {
		return err
	}
	if isMirror(pod) {
		return p.Validate(ctx, a, o)
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = DefaultName
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	sa, err := p.lookup(ctx, a, pod)
	if err != nil {
		return err
	}
	if mounts(pod, sa) {
		mountToken(pod, p.newName)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, sa.ImagePullSecrets...)
	}
	return nil
}

// Validate refuses a pod whose ServiceAccount does not exist, and a mirror pod that wants
// secrets: it would have them under the identity of nobody.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, err := podOf(a)
	if pod == nil || err != nil {
		return err
	}
	if isMirror(pod) {
		if err := validateMirror(&pod.Spec); err != nil {
			return admission.NewForbidden(a, err)
		}
		return nil
	}
	_, err = p.lookup(ctx, a, pod)
	return err
}

func (p *Plugin) lookup(ctx context.Context, a admission.Attributes, pod *corev1.Pod) (*corev1.ServiceAccount, error) {
	if !p.WaitForReady() {
		return nil, admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	sa, err := p.accounts.get(ctx, a.GetNamespace(), pod.Spec.ServiceAccountName)
	if err != nil {
		return nil, admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), pod.Spec.ServiceAccountName, err))
	}
	return sa, nil
}

// podOf is nil for what is not the creation of a pod.
func podOf(a admission.Attributes) (*corev1.Pod, error) {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" || a.GetObject() == nil {
		return nil, nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return nil, errors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
	}
	return pod, nil
}
