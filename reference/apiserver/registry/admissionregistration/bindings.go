package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ValidatingAdmissionPolicyBindings is the validatingadmissionpolicybindings resource.
var ValidatingAdmissionPolicyBindings = generic.Resource[*admissionregistrationv1.ValidatingAdmissionPolicyBinding]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "validatingadmissionpolicybindings", Singular: "validatingadmissionpolicybinding", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, List: &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{},
	Spec:           func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any { return &b.Spec },
	Validate:       validation.ValidatingAdmissionPolicyBinding,
	ValidateUpdate: validation.ValidatingAdmissionPolicyBindingUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: bindingColumns(func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) (string, *admissionregistrationv1.ParamRef) {
		return b.Spec.PolicyName, b.Spec.ParamRef
	}),
}

// MutatingAdmissionPolicyBindings is the mutatingadmissionpolicybindings resource.
var MutatingAdmissionPolicyBindings = generic.Resource[*admissionregistrationv1.MutatingAdmissionPolicyBinding]{
	GV: admissionregistrationv1.SchemeGroupVersion, Plural: "mutatingadmissionpolicybindings", Singular: "mutatingadmissionpolicybinding", Categories: extensions, Cluster: true,
	Object: &admissionregistrationv1.MutatingAdmissionPolicyBinding{}, List: &admissionregistrationv1.MutatingAdmissionPolicyBindingList{},
	Spec:           func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return &b.Spec },
	Validate:       validation.MutatingAdmissionPolicyBinding,
	ValidateUpdate: validation.MutatingAdmissionPolicyBindingUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: bindingColumns(func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) (string, *admissionregistrationv1.ParamRef) {
		return b.Spec.PolicyName, b.Spec.ParamRef
	}),
}

func bindingColumns[T generic.Object](parts func(T) (string, *admissionregistrationv1.ParamRef)) []generic.Column[T] {
	return []generic.Column[T]{
		generic.Name[T](),
		{Name: "PolicyName", Doc: "PolicyName indicates the policy definition which the policy binding binded to", Cell: func(b T) any {
			policy, _ := parts(b)
			return policy
		}},
		{Name: "ParamRef", Doc: "ParamRef indicates the param resource which sets the configration param", Cell: func(b T) any {
			_, ref := parts(b)
			switch {
			case ref == nil:
				return generic.Unset
			case ref.Namespace != "":
				return ref.Namespace + "/" + ref.Name
			case ref.Name != "":
				return "*/" + ref.Name
			default:
				return ref.Selector.String()
			}
		}},
		generic.Age[T](),
	}
}
