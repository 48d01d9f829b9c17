package defaults

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerAdmission(s *runtime.Scheme) {
	addWithList(s, setValidatingWebhooks, func(l *admissionv1.ValidatingWebhookConfigurationList) []admissionv1.ValidatingWebhookConfiguration {
		return l.Items
	})
	addWithList(s, setMutatingWebhooks, func(l *admissionv1.MutatingWebhookConfigurationList) []admissionv1.MutatingWebhookConfiguration {
		return l.Items
	})
	addWithList(s, setValidatingPolicy, func(l *admissionv1.ValidatingAdmissionPolicyList) []admissionv1.ValidatingAdmissionPolicy {
		return l.Items
	})
	addWithList(s, setValidatingPolicyBinding, func(l *admissionv1.ValidatingAdmissionPolicyBindingList) []admissionv1.ValidatingAdmissionPolicyBinding {
		return l.Items
	})
	addWithList(s, setMutatingPolicy, func(l *admissionv1.MutatingAdmissionPolicyList) []admissionv1.MutatingAdmissionPolicy {
		return l.Items
	})
	addWithList(s, setMutatingPolicyBinding, func(l *admissionv1.MutatingAdmissionPolicyBindingList) []admissionv1.MutatingAdmissionPolicyBinding {
		return l.Items
	})
}

const webhookTimeoutSeconds = 10

func setValidatingWebhooks(c *admissionv1.ValidatingWebhookConfiguration) {
	each(c.Webhooks, func(w *admissionv1.ValidatingWebhook) {
		orPointTo(&w.FailurePolicy, admissionv1.Fail)
		orPointTo(&w.MatchPolicy, admissionv1.Equivalent)
		orPointTo(&w.NamespaceSelector, metav1.LabelSelector{})
		orPointTo(&w.ObjectSelector, metav1.LabelSelector{})
		orPointTo(&w.TimeoutSeconds, webhookTimeoutSeconds)
		each(w.Rules, setRule)
		setWebhookClient(&w.ClientConfig)
	})
}

func setMutatingWebhooks(c *admissionv1.MutatingWebhookConfiguration) {
	each(c.Webhooks, func(w *admissionv1.MutatingWebhook) {
		orPointTo(&w.FailurePolicy, admissionv1.Fail)
		orPointTo(&w.MatchPolicy, admissionv1.Equivalent)
		orPointTo(&w.NamespaceSelector, metav1.LabelSelector{})
		orPointTo(&w.ObjectSelector, metav1.LabelSelector{})
		orPointTo(&w.TimeoutSeconds, webhookTimeoutSeconds)
		orPointTo(&w.ReinvocationPolicy, admissionv1.NeverReinvocationPolicy)
		each(w.Rules, setRule)
		setWebhookClient(&w.ClientConfig)
	})
}

func setRule(r *admissionv1.RuleWithOperations) { orPointTo(&r.Scope, admissionv1.AllScopes) }

func setWebhookClient(c *admissionv1.WebhookClientConfig) {
	if c.Service != nil {
		orPointTo(&c.Service.Port, 443)
	}
}

func setValidatingPolicy(p *admissionv1.ValidatingAdmissionPolicy) {
	orPointTo(&p.Spec.FailurePolicy, admissionv1.Fail)
	setMatchResources(p.Spec.MatchConstraints)
}

func setValidatingPolicyBinding(b *admissionv1.ValidatingAdmissionPolicyBinding) {
	setMatchResources(b.Spec.MatchResources)
}

func setMutatingPolicy(p *admissionv1.MutatingAdmissionPolicy) {
	orPointTo(&p.Spec.FailurePolicy, admissionv1.Fail)
	setMatchResources(p.Spec.MatchConstraints)
}

func setMutatingPolicyBinding(b *admissionv1.MutatingAdmissionPolicyBinding) {
	setMatchResources(b.Spec.MatchResources)
}

func setMatchResources(m *admissionv1.MatchResources) {
	if m == nil {
		return
	}
	orPointTo(&m.MatchPolicy, admissionv1.Equivalent)
	orPointTo(&m.NamespaceSelector, metav1.LabelSelector{})
	orPointTo(&m.ObjectSelector, metav1.LabelSelector{})
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		each(rules, func(r *admissionv1.NamedRuleWithOperations) { setRule(&r.RuleWithOperations) })
	}
}
