package validation

import (
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
)

// Limits of the annotations that a policy adds to audit events, see the API reference.
const (
	maxAuditAnnotations      = 20
	maxAuditAnnotationsBytes = 5 * 1024
)

// policyReasons are the reasons that a policy can give for its refusals.
var policyReasons = []metav1.StatusReason{metav1.StatusReasonForbidden, metav1.StatusReasonInvalid,
	metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonUnauthorized}

// ValidatingAdmissionPolicy checks a new ValidatingAdmissionPolicy.
func ValidatingAdmissionPolicy(v *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return append(newMeta(&v.ObjectMeta, clusterScoped, subdomainName), validatingPolicy(v)...)
}

func validatingPolicy(v *admissionv1.ValidatingAdmissionPolicy, stored ...string) field.ErrorList {
	s := &v.Spec
	e, err := policyExpressions(s.ParamKind != nil, stored...)
	if err != nil {
		return field.ErrorList{field.InternalError(specPath, err)}
	}
	errs := policyBasics(s.FailurePolicy, s.ParamKind, s.MatchConstraints, s.MatchConditions, s.Variables, e)
	if len(s.Validations) == 0 && len(s.AuditAnnotations) == 0 {
		const none = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(specPath.Child("validations"), none), field.Required(specPath.Child("auditAnnotations"), none))
	}
	for i := range s.Validations {
		errs = append(errs, policyRule(specPath.Child("validations").Index(i), &s.Validations[i], e)...)
	}
	annotations := specPath.Child("auditAnnotations")
	if n := len(s.AuditAnnotations); n > maxAuditAnnotations {
		errs = append(errs, field.Invalid(annotations, s.AuditAnnotations, fmt.Sprintf("must not have more than %d auditAnnotations", maxAuditAnnotations)))
	}
	keys := sets.New[string]()
	for i := range s.AuditAnnotations {
		at, a := annotations.Index(i), &s.AuditAnnotations[i]
		errs = append(errs, auditAnnotation(at, v.Name, a, e)...)
		if keys.Has(a.Key) {
			errs = append(errs, field.Duplicate(at.Child("key"), a.Key))
		}
		keys.Insert(a.Key)
	}
	return errs
}

func policyRule(p *field.Path, r *admissionv1.Validation, e *expressions) (errs field.ErrorList) {
	if blank(r.Expression) {
		errs = append(errs, field.Required(p.Child("expression"), "expression is not specified"))
	} else {
		errs = append(errs, e.check(p.Child("expression"), &validating.ValidationCondition{Expression: r.Expression}, declarations{authorizer: true})...)
	}
	if r.MessageExpression != "" && blank(r.MessageExpression) {
		errs = append(errs, field.Invalid(p.Child("messageExpression"), r.MessageExpression, "must be non-empty if specified"))
	} else if r.MessageExpression != "" {
		x := &validating.MessageExpressionCondition{MessageExpression: r.MessageExpression}
		errs = append(errs, e.check(p.Child("messageExpression"), x, declarations{})...)
	}
	switch message := strings.TrimSpace(r.Message); {
	case r.Message != "" && message == "":
		errs = append(errs, field.Invalid(p.Child("message"), r.Message, "message must be non-empty if specified"))
	case strings.ContainsAny(message, "\r\n"):
		errs = append(errs, field.Invalid(p.Child("message"), r.Message, "message must not contain line breaks"))
	case message == "" && strings.ContainsAny(strings.TrimSpace(r.Expression), "\r\n"):
		errs = append(errs, field.Required(p.Child("message"), "message must be specified if expression contains line breaks"))
	}
	return append(errs, oneOfPtr(p.Child("reason"), r.Reason, policyReasons...)...)
}

// auditAnnotation: the key in the audit event is the policy's name and the key given here.
func auditAnnotation(p *field.Path, policy string, a *admissionv1.AuditAnnotation, e *expressions) (errs field.ErrorList) {
	if policy == "" {
		errs = append(errs, field.Invalid(p.Child("key"), a.Key, "requires metadata.name be non-empty"))
	} else {
		errs = append(errs, qualifiedName(p.Child("key"), policy+"/"+a.Key)...)
	}
	switch value := p.Child("valueExpression"); {
	case blank(a.ValueExpression):
		errs = append(errs, field.Required(value, "valueExpression is not specified"))
	case len(strings.TrimSpace(a.ValueExpression)) > maxAuditAnnotationsBytes:
		errs = append(errs, field.Required(value, fmt.Sprintf("must not exceed %d bytes in length", maxAuditAnnotationsBytes)))
	default:
		errs = append(errs, e.check(value, &validating.AuditAnnotationCondition{ValueExpression: a.ValueExpression}, declarations{authorizer: true})...)
	}
	return errs
}

func policyBasics(failure *admissionv1.FailurePolicyType, kind *admissionv1.ParamKind, match *admissionv1.MatchResources,
	conditions []admissionv1.MatchCondition, variables []admissionv1.Variable, e *expressions,
) (errs field.ErrorList) {
	if failure == nil {
		errs = append(errs, field.Required(specPath.Child("failurePolicy"), ""))
	}
	errs = append(errs, oneOfPtr(specPath.Child("failurePolicy"), failure, admissionv1.Fail, admissionv1.Ignore)...)
	if kind != nil {
		errs = append(errs, paramKind(specPath.Child("paramKind"), kind)...)
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
	errs = append(errs, matchConditions(specPath.Child("matchConditions"), conditions, e)...)
	for i, v := range variables {
		at := specPath.Child("variables").Index(i)
		if blank(v.Name) {
			errs = append(errs, field.Required(at.Child("name"), "name is not specified"))
		} else if !isCELName(v.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, "name is not a valid CEL identifier"))
		}
		if blank(v.Expression) {
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		} else {
			errs = append(errs, e.define(at.Child("expression"), &validating.Variable{Name: v.Name, Expression: v.Expression})...)
		}
	}
	return errs
}

func paramKind(p *field.Path, k *admissionv1.ParamKind) (errs field.ErrorList) {
	group, version, grouped := strings.Cut(k.APIVersion, "/")
	if !grouped {
		group, version = "", k.APIVersion
	}
	if k.APIVersion == "" {
		errs = append(errs, field.Required(p.Child("apiVersion"), ""))
	} else {
		if messages := validation.IsDNS1123Subdomain(group); group != "" && len(messages) > 0 {
			errs = append(errs, field.Invalid(p.Child("apiVersion"), group, strings.Join(messages, ",")))
		}
		if messages := validation.IsDNS1035Label(version); len(messages) > 0 {
			errs = append(errs, field.Invalid(p.Child("apiVersion"), version, strings.Join(messages, ",")))
		}
	}
	if k.Kind == "" {
		errs = append(errs, field.Required(p.Child("kind"), ""))
	} else if messages := validation.IsDNS1035Label(strings.ToLower(k.Kind)); len(messages) > 0 {
		errs = append(errs, field.Invalid(p.Child("kind"), k.Kind, "may have mixed case, but should otherwise match: "+strings.Join(messages, ",")))
	}
	return errs
}

// ValidatingAdmissionPolicyUpdate checks a replacement; everything may change.
func ValidatingAdmissionPolicyUpdate(v, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	stored := conditionTexts(old.Spec.MatchConditions)
	for _, x := range old.Spec.Variables {
		stored = append(stored, x.Expression)
	}
	for _, x := range old.Spec.Validations {
		stored = append(stored, x.Expression, x.MessageExpression)
	}
	for _, x := range old.Spec.AuditAnnotations {
		stored = append(stored, x.ValueExpression)
	}
	return append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), validatingPolicy(v, stored...)...)
}

// ValidatingAdmissionPolicyStatusUpdate checks a write to the status.
func ValidatingAdmissionPolicyStatusUpdate(v, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return append(updatedMeta(&v.ObjectMeta, &old.ObjectMeta), metaConditions(v.Status.Conditions)...)
}
