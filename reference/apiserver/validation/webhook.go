package validation

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/util/webhook"
)

// hook is what validating and mutating webhooks have in common.
type hook struct {
	name                string
	client              *admissionv1.WebhookClientConfig
	rules               []admissionv1.RuleWithOperations
	failurePolicy       *admissionv1.FailurePolicyType
	matchPolicy         *admissionv1.MatchPolicyType
	namespaces, objects *metav1.LabelSelector
	sideEffects         *admissionv1.SideEffectClass
	timeout             *int32
	versions            []string
	conditions          []admissionv1.MatchCondition
}

// reviewVersions are the versions of AdmissionReview that can be sent.
var reviewVersions = []string{"v1", "v1beta1"}

// ValidatingWebhookConfiguration checks a new ValidatingWebhookConfiguration.
func ValidatingWebhookConfiguration(c *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return append(newMeta(&c.ObjectMeta, clusterScoped, subdomainName), validatingWebhooks(c)...)
}

func validatingWebhooks(c *admissionv1.ValidatingWebhookConfiguration, stored ...string) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		errs = append(errs, webhookErrors(field.NewPath("webhooks").Index(i), names, hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy,
			w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector, w.SideEffects, w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}, stored)...)
	}
	return errs
}

// ValidatingWebhookConfigurationUpdate checks a replacement; everything may change.
func ValidatingWebhookConfigurationUpdate(c, old *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	var stored []string
	for _, w := range old.Webhooks {
		stored = append(stored, conditionTexts(w.MatchConditions)...)
	}
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), validatingWebhooks(c, stored...)...)
}

// MutatingWebhookConfiguration checks a new MutatingWebhookConfiguration.
func MutatingWebhookConfiguration(c *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	return append(newMeta(&c.ObjectMeta, clusterScoped, subdomainName), mutatingWebhooks(c)...)
}

func mutatingWebhooks(c *admissionv1.MutatingWebhookConfiguration, stored ...string) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range c.Webhooks {
		w, at := &c.Webhooks[i], field.NewPath("webhooks").Index(i)
		errs = append(errs, webhookErrors(at, names, hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy,
			w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector, w.SideEffects, w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}, stored)...)
		errs = append(errs, oneOfPtr(at.Child("reinvocationPolicy"), w.ReinvocationPolicy,
			admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
	}
	return errs
}

// MutatingWebhookConfigurationUpdate checks a replacement; everything may change.
func MutatingWebhookConfigurationUpdate(c, old *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	var stored []string
	for _, w := range old.Webhooks {
		stored = append(stored, conditionTexts(w.MatchConditions)...)
	}
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), mutatingWebhooks(c, stored...)...)
}

func webhookErrors(p *field.Path, names sets.Set[string], h hook, stored []string) field.ErrorList {
	errs := validation.IsFullyQualifiedName(p.Child("name"), h.name)
	if names.Has(h.name) {
		errs = append(errs, field.Duplicate(p.Child("name"), h.name))
	}
	names.Insert(h.name)
	errs = append(errs, reviewVersionErrors(p.Child("admissionReviewVersions"), h.versions)...)
	for i := range h.rules {
		errs = append(errs, ruleErrors(p.Child("rules").Index(i), &h.rules[i])...)
	}
	errs = append(errs, oneOfPtr(p.Child("failurePolicy"), h.failurePolicy, admissionv1.Fail, admissionv1.Ignore)...)
	errs = append(errs, oneOfPtr(p.Child("matchPolicy"), h.matchPolicy, admissionv1.Equivalent, admissionv1.Exact)...)
	if h.sideEffects == nil {
		errs = append(errs, field.Required(p.Child("sideEffects"), "must specify one of None, NoneOnDryRun"))
	} else {
		errs = append(errs, supportedValue(p.Child("sideEffects"), *h.sideEffects, admissionv1.SideEffectClassNone, admissionv1.SideEffectClassNoneOnDryRun)...)
	}
	if h.timeout != nil && (*h.timeout < 1 || *h.timeout > 30) {
		errs = append(errs, field.Invalid(p.Child("timeoutSeconds"), *h.timeout, "the timeout value must be between 1 and 30 seconds"))
	}
	errs = append(errs, labelSelector(p.Child("namespaceSelector"), h.namespaces)...)
	errs = append(errs, labelSelector(p.Child("objectSelector"), h.objects)...)
	errs = append(errs, clientErrors(p.Child("clientConfig"), h.client)...)
	if len(h.conditions) == 0 {
		return errs
	}
	return append(errs, matchConditions(p.Child("matchConditions"), h.conditions, hookExpressions(stored...))...)
}

func reviewVersionErrors(p *field.Path, versions []string) (errs field.ErrorList) {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(p, "must specify one of "+strings.Join(reviewVersions, ", "))}
	}
	seen, usable := sets.New[string](), false
	for i, v := range versions {
		if seen.Has(v) {
			errs = append(errs, field.Invalid(p.Index(i), v, "duplicate version"))
			continue
		}
		seen.Insert(v)
		errs = append(errs, invalids(p.Index(i), v, validation.IsDNS1035Label(v))...)
		usable = usable || slices.Contains(reviewVersions, v)
	}
	if !usable {
		errs = append(errs, field.Invalid(p, versions, "must include at least one of "+strings.Join(reviewVersions, ", ")))
	}
	return errs
}

func clientErrors(p *field.Path, c *admissionv1.WebhookClientConfig) field.ErrorList {
	switch {
	case (c.URL == nil) == (c.Service == nil):
		return field.ErrorList{field.Required(p, "exactly one of url or service is required")}
	case c.URL != nil:
		return webhook.ValidateWebhookURL(p.Child("url"), *c.URL, true)
	}
	port := int32(443)
	if c.Service.Port != nil {
		port = *c.Service.Port
	}
	return webhook.ValidateWebhookService(p.Child("service"), c.Service.Name, c.Service.Namespace, c.Service.Path, port)
}

func ruleErrors(p *field.Path, r *admissionv1.RuleWithOperations) (errs field.ErrorList) {
	list := func(name string, values []string, emptyAllowed bool) {
		at := p.Child(name)
		if len(values) == 0 {
			errs = append(errs, field.Required(at, ""))
		}
		if len(values) > 1 && slices.Contains(values, "*") {
			errs = append(errs, field.Invalid(at, values, "if '*' is present, must not specify other "+wildcardOf[name]))
		}
		for i, v := range values {
			if v == "" && !emptyAllowed {
				errs = append(errs, field.Required(at.Index(i), ""))
			}
		}
	}
	list("apiGroups", r.APIGroups, true)
	list("apiVersions", r.APIVersions, false)
	operations := make([]string, len(r.Operations))
	for i, o := range r.Operations {
		operations[i] = string(o)
		errs = append(errs, supportedValue(p.Child("operations").Index(i), o,
			admissionv1.OperationAll, admissionv1.Connect, admissionv1.Create, admissionv1.Delete, admissionv1.Update)...)
	}
	list("operations", operations, true)
	errs = append(errs, ruleResources(p.Child("resources"), r.Resources)...)
	return append(errs, oneOfPtr(p.Child("scope"), r.Scope, admissionv1.AllScopes, admissionv1.ClusterScope, admissionv1.NamespacedScope)...)
}

var wildcardOf = map[string]string{"apiGroups": "API groups", "apiVersions": "API versions", "operations": "operations"}

// ruleResources: "pods", "pods/status", "pods/*", "*/scale", "*" and "*/*"; what a wildcard covers
// may not be listed beside it.
func ruleResources(p *field.Path, resources []string) (errs field.ErrorList) {
	if len(resources) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	for i, r := range resources {
		if r == "" {
			errs = append(errs, field.Required(p.Index(i), ""))
		}
		if r == "*/*" && len(resources) > 1 {
			errs = append(errs, field.Invalid(p, resources, "if '*/*' is present, must not specify other resources"))
		}
		parent, sub, isSub := strings.Cut(r, "/")
		if !isSub && r != "*" && slices.Contains(resources, "*") {
			errs = append(errs, field.Invalid(p.Index(i), r, "if '*' is present, must not specify other resources without subresources"))
		}
		if isSub && sub != "*" && slices.Contains(resources, parent+"/*") {
			errs = append(errs, field.Invalid(p.Index(i), r, "if '"+parent+"/*' is present, must not specify "+r))
		}
	}
	return errs
}
