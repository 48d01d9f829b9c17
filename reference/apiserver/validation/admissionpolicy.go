package validation

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidatingAdmissionPolicy checks a new ValidatingAdmissionPolicy.
func ValidatingAdmissionPolicy(v *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	s := &v.Spec
	errs := newMeta(&v.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, policyBasics(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables)...)
	if len(s.Validations) == 0 && len(s.AuditAnnotations) == 0 {
		errs = append(errs, field.Required(specPath.Child("validations"), "validations or auditAnnotations must contain at least one item"))
	}
	for i, rule := range s.Validations {
		at := specPath.Child("validations").Index(i)
		if strings.TrimSpace(rule.Expression) == "" {
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		}
		if rule.Message != "" && strings.TrimSpace(rule.Message) == "" {
			errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "message must be non-empty if specified"))
		} else if strings.ContainsAny(strings.TrimSpace(rule.Message), "\r\n") {
			errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "message must not contain line breaks"))
		}
	}
	keys := sets.New[string]()
	for i, a := range s.AuditAnnotations {
		at := specPath.Child("auditAnnotations").Index(i)
		errs = append(errs, required(at.Child("key"), a.Key)...)
		if keys.Has(a.Key) {
			errs = append(errs, field.Duplicate(at.Child("key"), a.Key))
		}
		keys.Insert(a.Key)
		if strings.TrimSpace(a.ValueExpression) == "" {
			errs = append(errs, field.Required(at.Child("valueExpression"), "valueExpression is not specified"))
		}
	}
	return errs
}

func policyBasics(failure *admissionv1.FailurePolicyType, kind *admissionv1.ParamKind, match *admissionv1.MatchResources,
	conditions []admissionv1.MatchCondition, variables []admissionv1.Variable) (errs field.ErrorList) {
	if failure == nil {
		errs = append(errs, field.Required(specPath.Child("failurePolicy"), ""))
	}
	errs = append(errs, oneOfPtr(specPath.Child("failurePolicy"), failure, admissionv1.Fail, admissionv1.Ignore)...)
	if kind != nil {
		errs = append(errs, required(specPath.Child("paramKind", "apiVersion"), kind.APIVersion)...)
		errs = append(errs, required(specPath.Child("paramKind", "kind"), kind.Kind)...)
	}
	p := specPath.Child("matchConstraints")
	if match == nil {
		errs = append(errs, field.Required(p, ""))
	} else {
		errs = append(errs, matchResources(p, match)...)
		if len(match.ResourceRules) == 0 {
			errs = append(errs, field.Required(p.Child("resourceRules"), ""))
		}
	}
	errs = append(errs, matchConditions(specPath.Child("matchConditions"), conditions)...)
	names := sets.New[string]()
	for i, v := range variables {
		at := specPath.Child("variables").Index(i)
		if v.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "name is not specified"))
		} else {
			errs = append(errs, invalids(at.Child("name"), v.Name, validation.IsCIdentifier(v.Name))...)
		}
		if names.Has(v.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), v.Name))
		}
		names.Insert(v.Name)
		if strings.TrimSpace(v.Expression) == "" {
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		}
	}
	return errs
}

func matchResources(p *field.Path, m *admissionv1.MatchResources) (errs field.ErrorList) {
	needed := func(name string, missing bool) {
		if missing {
			errs = append(errs, field.Required(p.Child(name), ""))
		}
	}
	needed("matchPolicy", m.MatchPolicy == nil)
	needed("namespaceSelector", m.NamespaceSelector == nil)
	needed("objectSelector", m.ObjectSelector == nil)
	errs = append(errs, oneOfPtr(p.Child("matchPolicy"), m.MatchPolicy, admissionv1.Equivalent, admissionv1.Exact)...)
	errs = append(errs, labelSelector(p.Child("namespaceSelector"), m.NamespaceSelector)...)
	errs = append(errs, labelSelector(p.Child("objectSelector"), m.ObjectSelector)...)
	for i := range m.ResourceRules {
		errs = append(errs, ruleErrors(p.Child("resourceRules").Index(i), &m.ResourceRules[i].RuleWithOperations)...)
	}
	for i := range m.ExcludeResourceRules {
		errs = append(errs, ruleErrors(p.Child("excludeResourceRules").Index(i), &m.ExcludeResourceRules[i].RuleWithOperations)...)
	}
	return errs
}

// ValidatingAdmissionPolicyUpdate checks a replacement; everything may change.
func ValidatingAdmissionPolicyUpdate(v, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), ValidatingAdmissionPolicy(v)...)
}

// ValidatingAdmissionPolicyStatusUpdate checks a write to the status.
func ValidatingAdmissionPolicyStatusUpdate(v, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), metaConditions(v.Status.Conditions)...)
}

// ValidatingAdmissionPolicyBinding checks a new ValidatingAdmissionPolicyBinding.
func ValidatingAdmissionPolicyBinding(b *admissionv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	errs := newMeta(&b.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, policyBinding(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources)...)
	p, seen := specPath.Child("validationActions"), sets.New[admissionv1.ValidationAction]()
	if len(b.Spec.ValidationActions) == 0 {
		errs = append(errs, field.Required(p, "at least one validation action is required"))
	}
	for i, a := range b.Spec.ValidationActions {
		errs = append(errs, supportedValue(p.Index(i), a, admissionv1.Audit, admissionv1.Deny, admissionv1.Warn)...)
		if seen.Has(a) {
			errs = append(errs, field.Duplicate(p.Index(i), a))
		}
		seen.Insert(a)
	}
	if seen.HasAll(admissionv1.Deny, admissionv1.Warn) {
		errs = append(errs, field.Invalid(p, b.Spec.ValidationActions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	return errs
}

func policyBinding(policy string, ref *admissionv1.ParamRef, match *admissionv1.MatchResources) field.ErrorList {
	name := specPath.Child("policyName")
	errs := required(name, policy)
	if policy != "" {
		errs = append(errs, dnsSubdomain(name, policy)...)
	}
	if ref != nil {
		p := specPath.Child("paramRef")
		switch {
		case ref.Name != "" && ref.Selector != nil:
			errs = append(errs, field.Forbidden(p.Child("name"), "name and selector are mutually exclusive"))
		case ref.Name == "" && ref.Selector == nil:
			errs = append(errs, field.Required(p, "one of name or selector must be specified"))
		}
		errs = append(errs, labelSelector(p.Child("selector"), ref.Selector)...)
		if ref.ParameterNotFoundAction == nil {
			errs = append(errs, field.Required(p.Child("parameterNotFoundAction"), ""))
		}
		errs = append(errs, oneOfPtr(p.Child("parameterNotFoundAction"), ref.ParameterNotFoundAction, admissionv1.AllowAction, admissionv1.DenyAction)...)
	}
	if match != nil {
		errs = append(errs, matchResources(specPath.Child("matchResources"), match)...)
	}
	return errs
}

// ValidatingAdmissionPolicyBindingUpdate checks a replacement; everything may change.
func ValidatingAdmissionPolicyBindingUpdate(b, old *admissionv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	return append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), ValidatingAdmissionPolicyBinding(b)...)
}
