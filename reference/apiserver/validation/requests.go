package validation

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Binding checks a request to place a pod on a node.
func Binding(b *corev1.Binding) field.ErrorList {
	p := field.NewPath("target")
	var errs field.ErrorList
	if k := b.Target.Kind; k != "" && k != "Node" {
		errs = append(errs, field.NotSupported(p.Child("kind"), k, []string{"Node", "<empty>"}))
	}
	return append(errs, required(p.Child("name"), b.Target.Name)...)
}

// TokenRequest checks a request for a token of a service account.
func TokenRequest(r *authenticationv1.TokenRequest) field.ErrorList {
	p := specPath.Child("expirationSeconds")
	switch e := r.Spec.ExpirationSeconds; {
	case e == nil:
		return nil
	case *e < minTokenSeconds:
		return field.ErrorList{field.Invalid(p, *e, "may not specify a duration less than 10 minutes")}
	case *e > maxTokenSeconds:
		return field.ErrorList{field.Invalid(p, *e, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}

// Eviction checks a request to evict a pod, which is otherwise judged by disruption budgets.
func Eviction(e *policyv1.Eviction) field.ErrorList {
	return newMeta(&e.ObjectMeta, namespaced, subdomainName)
}
