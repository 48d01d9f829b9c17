package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	replicaSetSpecDoc   = appsv1.ReplicaSetSpec{}.SwaggerDoc()
	replicaSetStatusDoc = appsv1.ReplicaSetStatus{}.SwaggerDoc()
)

// ReplicaSets is the replicasets resource.
var ReplicaSets = generic.Resource[*appsv1.ReplicaSet]{
	GV: appsv1.SchemeGroupVersion, Plural: "replicasets", Singular: "replicaset", Short: []string{"rs"}, Categories: []string{"all"},
	Object: &appsv1.ReplicaSet{}, List: &appsv1.ReplicaSetList{},
	Spec:           func(r *appsv1.ReplicaSet) any { return &r.Spec },
	Status:         func(r *appsv1.ReplicaSet) any { return &r.Status },
	Drop:           disabled.Of(func(r *appsv1.ReplicaSet) *corev1.PodSpec { return &r.Spec.Template.Spec }),
	Validate:       validation.ReplicaSet,
	Warnings:       warnings.ReplicaSet,
	ValidateUpdate: validation.ReplicaSetUpdate,
	ValidateStatus: validation.ReplicaSetStatusUpdate,
	Generation:     true,
	Fields: func(r *appsv1.ReplicaSet) fields.Set {
		return fields.Set{"status.replicas": strconv.Itoa(int(r.Status.Replicas))}
	},
	Columns: append(append([]generic.Column[*appsv1.ReplicaSet]{
		generic.Name[*appsv1.ReplicaSet](),
		{Name: "Desired", Type: generic.Integer, Doc: replicaSetSpecDoc["replicas"], Cell: func(r *appsv1.ReplicaSet) any { return int64(generic.Deref(r.Spec.Replicas)) }},
		{Name: "Current", Type: generic.Integer, Doc: replicaSetStatusDoc["replicas"], Cell: func(r *appsv1.ReplicaSet) any { return int64(r.Status.Replicas) }},
		{Name: "Ready", Type: generic.Integer, Doc: replicaSetStatusDoc["readyReplicas"], Cell: func(r *appsv1.ReplicaSet) any { return int64(r.Status.ReadyReplicas) }},
		generic.Age[*appsv1.ReplicaSet](),
	}, generic.Templated(func(r *appsv1.ReplicaSet) *corev1.PodSpec { return &r.Spec.Template.Spec })...), generic.Column[*appsv1.ReplicaSet]{
		Name: "Selector", Wide: true, Doc: replicaSetSpecDoc["selector"],
		Cell: func(r *appsv1.ReplicaSet) any { return metav1.FormatLabelSelector(r.Spec.Selector) },
	}),
}

var replicaSetScale = generic.Scaled[*appsv1.ReplicaSet]{
	Replicas: func(r *appsv1.ReplicaSet) **int32 { return &r.Spec.Replicas },
	Observed: func(r *appsv1.ReplicaSet) (int32, string) {
		return r.Status.Replicas, selectorString(r.Spec.Selector)
	},
}
