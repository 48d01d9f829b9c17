package corev1

import (
	"context"

	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Generated code finds these by their names. They are for a field behind an alpha feature gate: upstream clears it.

// ValidateCustom_EvictionResponder_Name accepts every name.
func ValidateCustom_EvictionResponder_Name(_ context.Context, _ operation.Operation, _ *field.Path, _, _ *string) field.ErrorList {
	return nil
}

// ValidateCustom_EvictionResponder_Priority accepts every priority.
func ValidateCustom_EvictionResponder_Priority(_ context.Context, _ operation.Operation, _ *field.Path, _, _ *int32) field.ErrorList {
	return nil
}
