package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ValidatingAdmissionPolicies is the validatingadmissionpolicies resource.
var ValidatingAdmissionPolicies = generic.Resource[*admissionregistrationv1.ValidatingAdmissionPolicy]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "validatingadmissionpolicies", Singular: "validatingadmissionpolicy", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.ValidatingAdmissionPolicy{}, List: &admissionregistrationv1.ValidatingAdmissionPolicyList{},
	Spec:            func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return &p.Spec },
	Status:          func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return &p.Status },
	StatusKeepsMeta: true,
	Validate:        validation.ValidatingAdmissionPolicy,
	ValidateUpdate:  validation.ValidatingAdmissionPolicyUpdate,
	ValidateStatus:  validation.ValidatingAdmissionPolicyStatusUpdate,
	Generation:      true,
	RequireVersion:  true,
	Columns: []generic.Column[*admissionregistrationv1.ValidatingAdmissionPolicy]{
		generic.Name[*admissionregistrationv1.ValidatingAdmissionPolicy](),
		{Name: "Validations", Type: generic.Integer, Doc: "Validations indicates the number of validation rules defined in this configuration",
			Cell: func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return int64(len(p.Spec.Validations)) }},
		{Name: "ParamKind", Doc: "ParamKind specifies the kind of resources used to parameterize this policy",
			Cell: func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) }},
		generic.Age[*admissionregistrationv1.ValidatingAdmissionPolicy](),
	},
}

// MutatingAdmissionPolicies is the mutatingadmissionpolicies resource.
var MutatingAdmissionPolicies = generic.Resource[*admissionregistrationv1.MutatingAdmissionPolicy]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "mutatingadmissionpolicies", Singular: "mutatingadmissionpolicy", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.MutatingAdmissionPolicy{}, List: &admissionregistrationv1.MutatingAdmissionPolicyList{},
	Spec:           func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return &p.Spec },
	Validate:       validation.MutatingAdmissionPolicy,
	ValidateUpdate: validation.MutatingAdmissionPolicyUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: []generic.Column[*admissionregistrationv1.MutatingAdmissionPolicy]{
		generic.Name[*admissionregistrationv1.MutatingAdmissionPolicy](),
		{Name: "Mutations", Type: generic.Integer, Doc: "Mutation indicates the number of mutations rules defined in this configuration",
			Cell: func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return int64(len(p.Spec.Mutations)) }},
		{Name: "ParamKind", Doc: "ParamKind specifies the kind of resources used to parameterize this policy",
			Cell: func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) }},
		generic.Age[*admissionregistrationv1.MutatingAdmissionPolicy](),
	},
}

func paramKind(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return generic.Unset
	}
	return k.APIVersion + "/" + k.Kind
}
