package validation

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Scale checks a scale before the object whose size it is, is changed.
func Scale(s *autoscalingv1.Scale) field.ErrorList {
	errs := newMeta(&s.ObjectMeta, namespaced, subdomainName)
	return append(errs, nonNegative(specPath.Child("replicas"), s.Spec.Replicas)...)
}
