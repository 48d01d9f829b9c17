package core

import (
	"context"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	rcSpecDoc   = corev1.ReplicationControllerSpec{}.SwaggerDoc()
	rcStatusDoc = corev1.ReplicationControllerStatus{}.SwaggerDoc()
)

// ReplicationControllers is the replicationcontrollers resource.
var ReplicationControllers = generic.Resource[*corev1.ReplicationController]{
	GV: corev1.SchemeGroupVersion, Plural: "replicationcontrollers", Singular: "replicationcontroller", Short: []string{"rc"}, Categories: []string{"all"},
	Object: &corev1.ReplicationController{}, List: &corev1.ReplicationControllerList{},
	Spec:   func(r *corev1.ReplicationController) any { return &r.Spec },
	Status: func(r *corev1.ReplicationController) any { return &r.Status },
	Drop: disabled.Of(func(r *corev1.ReplicationController) *corev1.PodSpec {
		if r.Spec.Template == nil {
			return nil
		}
		return &r.Spec.Template.Spec
	}),
	Validate:       validation.ReplicationController,
	Warnings:       warnings.ReplicationController,
	ValidateUpdate: validation.ReplicationControllerUpdate,
	ValidateStatus: validation.ReplicationControllerStatusUpdate,
	Generation:     true,
	// Older than garbage collection: its pods stay unless the request asks otherwise.
	Propagation: func(context.Context) rest.GarbageCollectionPolicy { return rest.OrphanDependents },
	Fields: func(r *corev1.ReplicationController) fields.Set {
		return fields.Set{"status.replicas": strconv.Itoa(int(r.Status.Replicas))}
	},
	Columns: append(append([]generic.Column[*corev1.ReplicationController]{
		generic.Name[*corev1.ReplicationController](),
		{Name: "Desired", Type: generic.Integer, Doc: rcSpecDoc["replicas"], Cell: func(r *corev1.ReplicationController) any { return int64(generic.Deref(r.Spec.Replicas)) }},
		{Name: "Current", Type: generic.Integer, Doc: rcStatusDoc["replicas"], Cell: func(r *corev1.ReplicationController) any { return int64(r.Status.Replicas) }},
		{Name: "Ready", Type: generic.Integer, Doc: rcStatusDoc["readyReplicas"], Cell: func(r *corev1.ReplicationController) any { return int64(r.Status.ReadyReplicas) }},
		generic.Age[*corev1.ReplicationController](),
	}, generic.Templated(func(r *corev1.ReplicationController) *corev1.PodSpec {
		if r.Spec.Template == nil {
			return &corev1.PodSpec{}
		}
		return &r.Spec.Template.Spec
	})...), generic.Column[*corev1.ReplicationController]{
		Name: "Selector", Wide: true, Doc: rcSpecDoc["selector"],
		Cell: func(r *corev1.ReplicationController) any { return labels.FormatLabels(r.Spec.Selector) },
	}),
}

var replicationControllerScale = generic.Scaled[*corev1.ReplicationController]{
	Replicas: func(r *corev1.ReplicationController) **int32 { return &r.Spec.Replicas },
	Observed: func(r *corev1.ReplicationController) (int32, string) {
		return r.Status.Replicas, labels.Set(r.Spec.Selector).AsSelector().String()
	},
}
