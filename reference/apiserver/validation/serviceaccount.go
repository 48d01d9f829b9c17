package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ServiceAccount checks a new service account.
func ServiceAccount(s *corev1.ServiceAccount) field.ErrorList {
	return newMeta(&s.ObjectMeta, namespaced, subdomainName)
}

// ServiceAccountUpdate checks a replacement of a service account; everything may change.
func ServiceAccountUpdate(s, old *corev1.ServiceAccount) field.ErrorList {
	return append(updatedMeta(&s.ObjectMeta, &old.ObjectMeta), ServiceAccount(s)...)
}
