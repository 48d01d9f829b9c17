package validation

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// MutatingAdmissionPolicy checks a new MutatingAdmissionPolicy.
func MutatingAdmissionPolicy(m *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	s := &m.Spec
	errs := newMeta(&m.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, policyBasics(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables)...)
	errs = append(errs, oneOf(specPath.Child("reinvocationPolicy"), s.ReinvocationPolicy,
		admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
	if len(s.Mutations) == 0 {
		errs = append(errs, field.Required(specPath.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range s.Mutations {
		errs = append(errs, mutation(specPath.Child("mutations").Index(i), &s.Mutations[i])...)
	}
	return errs
}

func mutation(p *field.Path, m *admissionv1.Mutation) field.ErrorList {
	errs := oneOf(p.Child("patchType"), m.PatchType, admissionv1.PatchTypeApplyConfiguration, admissionv1.PatchTypeJSONPatch)
	member := func(t admissionv1.PatchType, name string, present bool, expression func() string) {
		switch at := p.Child(name); {
		case m.PatchType == t && !present:
			errs = append(errs, field.Required(at, "must be specified when patchType is "+string(t)))
		case m.PatchType != t && present:
			errs = append(errs, field.Invalid(at, "{...}", "must not be specified when patchType is not "+string(t)))
		case present && strings.TrimSpace(expression()) == "":
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		}
	}
	member(admissionv1.PatchTypeApplyConfiguration, "applyConfiguration", m.ApplyConfiguration != nil, func() string { return m.ApplyConfiguration.Expression })
	member(admissionv1.PatchTypeJSONPatch, "jsonPatch", m.JSONPatch != nil, func() string { return m.JSONPatch.Expression })
	return errs
}

// MutatingAdmissionPolicyUpdate checks a replacement; everything may change.
func MutatingAdmissionPolicyUpdate(m, old *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	return append(updatedMeta(&m.ObjectMeta, &old.ObjectMeta), MutatingAdmissionPolicy(m)...)
}

// MutatingAdmissionPolicyBinding checks a new MutatingAdmissionPolicyBinding.
func MutatingAdmissionPolicyBinding(b *admissionv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	return append(newMeta(&b.ObjectMeta, clusterScoped, subdomainName), policyBinding(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources)...)
}

// MutatingAdmissionPolicyBindingUpdate checks a replacement; everything may change.
func MutatingAdmissionPolicyBindingUpdate(b, old *admissionv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	return append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), MutatingAdmissionPolicyBinding(b)...)
}

func metaConditions(list []metav1.Condition) field.ErrorList {
	return metav1validation.ValidateConditions(list, statusPath.Child("conditions"))
}
