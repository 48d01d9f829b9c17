package validation

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
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
	return append(newMeta(&c.ObjectMeta, clusterScoped, subdomainName), webhooks(validatingHooks(c), nil)...)
}

// ValidatingWebhookConfigurationUpdate checks a replacement; everything may change.
func ValidatingWebhookConfigurationUpdate(c, old *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), webhooks(validatingHooks(c), validatingHooks(old))...)
}

func validatingHooks(c *admissionv1.ValidatingWebhookConfiguration) []hook {
	list := make([]hook, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		list[i] = hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector,
			w.SideEffects, w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}
	}
	return list
}

// MutatingWebhookConfiguration checks a new MutatingWebhookConfiguration.
func MutatingWebhookConfiguration(c *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	errs := append(newMeta(&c.ObjectMeta, clusterScoped, subdomainName), webhooks(mutatingHooks(c), nil)...)
	return append(errs, reinvocations(c)...)
}

// MutatingWebhookConfigurationUpdate checks a replacement; everything may change.
func MutatingWebhookConfigurationUpdate(c, old *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), webhooks(mutatingHooks(c), mutatingHooks(old))...)
	return append(errs, reinvocations(c)...)
}

func mutatingHooks(c *admissionv1.MutatingWebhookConfiguration) []hook {
	list := make([]hook, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		list[i] = hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector,
			w.SideEffects, w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}
	}
	return list
}

func reinvocations(c *admissionv1.MutatingWebhookConfiguration) (errs field.ErrorList) {
	for i := range c.Webhooks {
		errs = append(errs, oneOfPtr(field.NewPath("webhooks").Index(i).Child("reinvocationPolicy"), c.Webhooks[i].ReinvocationPolicy,
			admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
	}
	return errs
}

// tolerated are rules that a configuration broke already before it is replaced, from when they were laxer.
type tolerated struct {
	sameNames, sideEffects, versions, selectors bool
	// conditions that did not change are not compiled again.
	conditions bool
	// stored are the texts of expressions, see expressions.
	stored []string
}

func tolerates(list, old []hook) tolerated {
	names := sets.New[string]()
	t := tolerated{conditions: len(list) == len(old)}
	for i := range old {
		o := &old[i]
		t.sameNames = t.sameNames || names.Has(o.name)
		names.Insert(o.name)
		t.sideEffects = t.sideEffects || len(sideEffectErrors(nil, o.sideEffects)) > 0
		t.versions = t.versions || !slices.ContainsFunc(o.versions, isReviewVersion)
		t.selectors = t.selectors || len(labelSelector(nil, o.namespaces)) > 0 || len(labelSelector(nil, o.objects)) > 0
		t.conditions = t.conditions && equal(o.conditions, list[i].conditions)
		t.stored = append(t.stored, conditionTexts(o.conditions)...)
	}
	return t
}

// webhooks checks the webhooks of a configuration that replaces old, nil for a new one.
func webhooks(list, old []hook) (errs field.ErrorList) {
	t := tolerates(list, old)
	names := sets.New[string]()
	for i := range list {
		p, h := field.NewPath("webhooks").Index(i), &list[i]
		errs = append(errs, validation.IsFullyQualifiedName(p.Child("name"), h.name)...)
		if names.Has(h.name) && !t.sameNames {
			errs = append(errs, field.Duplicate(p.Child("name"), h.name))
		}
		names.Insert(h.name)
		errs = append(errs, webhookErrors(p, h, t)...)
	}
	return errs
}

func webhookErrors(p *field.Path, h *hook, t tolerated) field.ErrorList {
	errs := reviewVersionErrors(p.Child("admissionReviewVersions"), h.versions, t.versions)
	for i := range h.rules {
		errs = append(errs, ruleErrors(p.Child("rules").Index(i), &h.rules[i])...)
	}
	errs = append(errs, oneOfPtr(p.Child("failurePolicy"), h.failurePolicy, admissionv1.Fail, admissionv1.Ignore)...)
	errs = append(errs, oneOfPtr(p.Child("matchPolicy"), h.matchPolicy, admissionv1.Equivalent, admissionv1.Exact)...)
	if t.sideEffects {
		errs = append(errs, oneOfPtr(p.Child("sideEffects"), h.sideEffects, admissionv1.SideEffectClassNone,
			admissionv1.SideEffectClassNoneOnDryRun, admissionv1.SideEffectClassSome, admissionv1.SideEffectClassUnknown)...)
	} else {
		errs = append(errs, sideEffectErrors(p.Child("sideEffects"), h.sideEffects)...)
	}
	if h.timeout != nil && (*h.timeout < 1 || *h.timeout > 30) {
		errs = append(errs, field.Invalid(p.Child("timeoutSeconds"), *h.timeout, "the timeout value must be between 1 and 30 seconds"))
	}
	selector := metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: t.selectors}
	errs = append(errs, metav1validation.ValidateLabelSelector(h.namespaces, selector, p.Child("namespaceSelector"))...)
	errs = append(errs, metav1validation.ValidateLabelSelector(h.objects, selector, p.Child("objectSelector"))...)
	errs = append(errs, clientErrors(p.Child("clientConfig"), h.client)...)
	if len(h.conditions) == 0 || t.conditions {
		return errs
	}
	return append(errs, matchConditions(p.Child("matchConditions"), h.conditions, hookExpressions(t.stored...))...)
}

func sideEffectErrors(p *field.Path, s *admissionv1.SideEffectClass) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(p, "must specify one of None, NoneOnDryRun")}
	}
	return supportedValue(p, *s, admissionv1.SideEffectClassNone, admissionv1.SideEffectClassNoneOnDryRun)
}

func isReviewVersion(v string) bool { return slices.Contains(reviewVersions, v) }

func reviewVersionErrors(p *field.Path, versions []string, unknownToo bool) (errs field.ErrorList) {
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
		usable = usable || isReviewVersion(v)
	}
	if !usable && !unknownToo {
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
