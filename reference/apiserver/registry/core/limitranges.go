package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// LimitRanges is the limitranges resource.
var LimitRanges = generic.Resource[*corev1.LimitRange]{
	GV: corev1.SchemeGroupVersion, Plural: "limitranges", Singular: "limitrange", Short: []string{"limits"},
	Object: &corev1.LimitRange{}, List: &corev1.LimitRangeList{},
	Validate:       validation.LimitRange,
	ValidateUpdate: validation.LimitRangeUpdate,
	CreateOnUpdate: true,
}
