// Package podsecurity enforces the Pod Security Standards as namespaces choose them by label. The
// levels and their checks are k8s.io/pod-security-admission's.
//
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
package podsecurity

import (
	"context"
	"errors"
	"fmt"
	"io"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

// PluginName is the plugin's name in flags, metrics and configuration.
const PluginName = "PodSecurity"

// Register adds the plugin. Its configuration is a PodSecurityConfiguration of
// pod-security.admission.config.k8s.io/v1; without one, every mode is privileged.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(config io.Reader) (admission.Interface, error) { return New(config) })
}

// Plugin judges pods, what makes pods, and the labels of namespaces.
type Plugin struct {
	*admission.Handler
	judge *podsecurity.Admission

	client    kubernetes.Interface
	informers informers.SharedInformerFactory
}

var (
	_ admission.ValidationInterface                = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsExternalKubeClientSet       = &Plugin{}
)

// New returns the plugin, or what is wrong with the configuration.
func New(config io.Reader) (*Plugin, error) {
	configuration, err := load.LoadFromReader(config)
	if err != nil {
		return nil, err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, fmt.Errorf("pod security checks: %w", err)
	}
	return &Plugin{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		judge: &podsecurity.Admission{
			Configuration: configuration, Evaluator: evaluator, Metrics: unrecorded{},
			PodSpecExtractor: podsecurity.DefaultPodSpecExtractor{},
		},
	}, nil
}

func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	p.informers = f
	p.SetReadyFunc(f.Core().V1().Namespaces().Informer().HasSynced)
}

// ValidateInitialization tells what was not given, or what is wrong with the configuration.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.informers == nil {
		return fmt.Errorf("%s plugin needs a client and informers", PluginName)
	}
	p.judge.NamespaceGetter = podsecurity.NamespaceGetterFromListerAndClient(p.informers.Core().V1().Namespaces().Lister(), p.client)
	p.judge.PodLister = podsecurity.PodListerFromClient(p.client) // asked rarely: an informer of all pods is too dear
	if err := p.judge.CompleteConfiguration(); err != nil {
		return fmt.Errorf("%s configuration error: %w", PluginName, err)
	}
	if err := p.judge.ValidateConfiguration(); err != nil {
		return fmt.Errorf("%s invalid: %w", PluginName, err)
	}
	return nil
}

// Validate refuses what violates the enforced level, warns of what violates the level to warn of,
// and annotates the audit event.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	resource := a.GetResource().GroupResource()
	if resource != corev1.Resource("namespaces") && !p.judge.PodSpecExtractor.HasPodSpec(resource) {
		return nil
	}
	if !p.WaitForReady() {
		return request.NotReady(a)
	}
	response := p.judge.Validate(ctx, attributes{a})
	for _, w := range response.Warnings {
		warning.AddWarning(ctx, "", w)
	}
	for key, value := range response.AuditAnnotations {
		audit.AddAuditAnnotation(ctx, api.AuditAnnotationPrefix+key, value)
	}
	if response.Allowed {
		return nil
	}
	return refusal(a, response)
}

// refusal is a 403 unless the judgement says otherwise.
func refusal(a admission.Attributes, response *admissionv1.AdmissionResponse) error {
	err := admission.NewForbidden(a, errors.New("Not allowed by PodSecurity")) //lint:ignore ST1005 the text that users know
	var status *apierrors.StatusError
	if response.Result == nil || !errors.As(err, &status) {
		return err
	}
	said := response.Result
	if said.Message != "" {
		status.ErrStatus.Message = said.Message
	}
	if said.Reason != "" {
		status.ErrStatus.Reason = said.Reason
	}
	if said.Details != nil {
		status.ErrStatus.Details = said.Details
	}
	if said.Code != 0 {
		status.ErrStatus.Code = said.Code
	}
	return status
}

// attributes are a request as the library sees it. Our objects are v1 already.
type attributes struct{ admission.Attributes }

func (a attributes) GetObject() (runtime.Object, error) { return a.Attributes.GetObject(), nil }

func (a attributes) GetOldObject() (runtime.Object, error) { return a.Attributes.GetOldObject(), nil }

func (a attributes) GetOperation() admissionv1.Operation {
	return admissionv1.Operation(a.Attributes.GetOperation())
}

func (a attributes) GetUserName() string { return a.GetUserInfo().GetName() }

// unrecorded keeps no metrics.
type unrecorded struct{}

func (unrecorded) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {
}
func (unrecorded) RecordExemption(api.Attributes)   {}
func (unrecorded) RecordError(bool, api.Attributes) {}
