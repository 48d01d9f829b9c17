package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// StatefulSets is the statefulsets resource.
var StatefulSets = generic.Resource[*appsv1.StatefulSet]{
	GV: appsv1.SchemeGroupVersion, Plural: "statefulsets", Singular: "statefulset", Short: []string{"sts"}, Categories: []string{"all"},
	Object: &appsv1.StatefulSet{}, List: &appsv1.StatefulSetList{},
	Spec:           func(s *appsv1.StatefulSet) any { return &s.Spec },
	Status:         func(s *appsv1.StatefulSet) any { return &s.Status },
	Drop:           disabled.Of(func(s *appsv1.StatefulSet) *corev1.PodSpec { return &s.Spec.Template.Spec }),
	Validate:       validation.StatefulSet,
	Warnings:       warnings.StatefulSet,
	ValidateUpdate: validation.StatefulSetUpdate,
	ValidateStatus: validation.StatefulSetStatusUpdate,
	Generation:     true,
	Columns: append([]generic.Column[*appsv1.StatefulSet]{
		generic.Name[*appsv1.StatefulSet](),
		{Name: "Ready", Doc: "Number of the pod with ready state", Cell: func(s *appsv1.StatefulSet) any {
			return fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, generic.Deref(s.Spec.Replicas))
		}},
		generic.Age[*appsv1.StatefulSet](),
	}, generic.Templated(func(s *appsv1.StatefulSet) *corev1.PodSpec { return &s.Spec.Template.Spec })...),
}

var statefulSetScale = generic.Scaled[*appsv1.StatefulSet]{
	Replicas: func(s *appsv1.StatefulSet) **int32 { return &s.Spec.Replicas },
	Observed: func(s *appsv1.StatefulSet) (int32, string) {
		return s.Status.Replicas, selectorString(s.Spec.Selector)
	},
}
