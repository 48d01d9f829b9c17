package validation

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

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
		errs = append(errs, namedRule(p.Child("resourceRules").Index(i), &m.ResourceRules[i])...)
	}
	for i := range m.ExcludeResourceRules {
		errs = append(errs, namedRule(p.Child("excludeResourceRules").Index(i), &m.ExcludeResourceRules[i])...)
	}
	return errs
}

func namedRule(p *field.Path, r *admissionv1.NamedRuleWithOperations) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, name := range r.ResourceNames {
		at := p.Child("resourceNames").Index(i)
		errs = append(errs, invalids(at, name, path.ValidatePathSegmentName(name, false))...)
		if names.Has(name) {
			errs = append(errs, field.Duplicate(at, name))
		}
		names.Insert(name)
	}
	return append(errs, ruleErrors(p, &r.RuleWithOperations)...)
}
