package validation

import (
	corev1 "k8s.io/api/core/v1"
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
