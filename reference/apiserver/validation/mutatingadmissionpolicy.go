package validation

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
)

// MutatingAdmissionPolicy checks a new MutatingAdmissionPolicy.
func MutatingAdmissionPolicy(m *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	return append(newMeta(&m.ObjectMeta, clusterScoped, subdomainName), mutatingPolicy(m)...)
}

func mutatingPolicy(m *admissionv1.MutatingAdmissionPolicy, stored ...string) field.ErrorList {
	s := &m.Spec
	e, err := policyExpressions(s.ParamKind != nil, stored...)
	if err != nil {
		return field.ErrorList{field.InternalError(specPath, err)}
	}
	errs := policyBasics(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables, e)
	errs = append(errs, oneOf(specPath.Child("reinvocationPolicy"), s.ReinvocationPolicy,
		admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
	if len(s.Mutations) == 0 {
		errs = append(errs, field.Required(specPath.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range s.Mutations {
		errs = append(errs, mutation(specPath.Child("mutations").Index(i), &s.Mutations[i], e)...)
	}
	return errs
}

func mutation(p *field.Path, m *admissionv1.Mutation, e *expressions) field.ErrorList {
	errs := oneOf(p.Child("patchType"), m.PatchType, admissionv1.PatchTypeApplyConfiguration, admissionv1.PatchTypeJSONPatch)
	member := func(t admissionv1.PatchType, name string, x plugincel.ExpressionAccessor) {
		switch at := p.Child(name); {
		case m.PatchType == t && x == nil:
			errs = append(errs, field.Required(at, "must be specified when patchType is "+string(t)))
		case m.PatchType != t && x != nil:
			errs = append(errs, field.Invalid(at, "{...}", "must not be specified when patchType is not "+string(t)))
		case x != nil && blank(x.GetExpression()):
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		case x != nil:
			errs = append(errs, e.check(at.Child("expression"), x, declarations{authorizer: true, patchTypes: true})...)
		}
	}
	var apply, jsonPatch plugincel.ExpressionAccessor
	if m.ApplyConfiguration != nil {
		apply = &patch.ApplyConfigurationCondition{Expression: m.ApplyConfiguration.Expression}
	}
	if m.JSONPatch != nil {
		jsonPatch = &patch.JSONPatchCondition{Expression: m.JSONPatch.Expression}
	}
	member(admissionv1.PatchTypeApplyConfiguration, "applyConfiguration", apply)
	member(admissionv1.PatchTypeJSONPatch, "jsonPatch", jsonPatch)
	return errs
}

// MutatingAdmissionPolicyUpdate checks a replacement; everything may change.
func MutatingAdmissionPolicyUpdate(m, old *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	stored := conditionTexts(old.Spec.MatchConditions)
	for _, x := range old.Spec.Variables {
		stored = append(stored, x.Expression)
	}
	for _, x := range old.Spec.Mutations {
		if x.ApplyConfiguration != nil {
			stored = append(stored, x.ApplyConfiguration.Expression)
		}
		if x.JSONPatch != nil {
			stored = append(stored, x.JSONPatch.Expression)
		}
	}
	return append(updatedMeta(&m.ObjectMeta, &old.ObjectMeta), mutatingPolicy(m, stored...)...)
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
