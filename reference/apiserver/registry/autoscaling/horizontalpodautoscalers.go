// Package autoscaling declares the resources of the autoscaling group; v1 serves the store of v2.
package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var (
	specDoc   = autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()
	statusDoc = autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()
)

// HorizontalPodAutoscalers is the horizontalpodautoscalers resource.
var HorizontalPodAutoscalers = generic.Resource[*autoscalingv2.HorizontalPodAutoscaler]{
	GV: autoscalingv2.SchemeGroupVersion, Also: []schema.GroupVersion{autoscalingv1.SchemeGroupVersion}, Plural: "horizontalpodautoscalers", Singular: "horizontalpodautoscaler", Short: []string{"hpa"}, Categories: []string{"all"},
	Object: &autoscalingv2.HorizontalPodAutoscaler{}, List: &autoscalingv2.HorizontalPodAutoscalerList{},
	Spec:           func(h *autoscalingv2.HorizontalPodAutoscaler) any { return &h.Spec },
	Status:         func(h *autoscalingv2.HorizontalPodAutoscaler) any { return &h.Status },
	Validate:       validation.HorizontalPodAutoscaler,
	ValidateUpdate: validation.HorizontalPodAutoscalerUpdate,
	ValidateStatus: validation.HorizontalPodAutoscalerStatusUpdate,
	Columns: []generic.Column[*autoscalingv2.HorizontalPodAutoscaler]{
		generic.Name[*autoscalingv2.HorizontalPodAutoscaler](),
		{Name: "Reference", Doc: specDoc["scaleTargetRef"], Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any {
			return h.Spec.ScaleTargetRef.Kind + "/" + h.Spec.ScaleTargetRef.Name
		}},
		{Name: "Targets", Doc: specDoc["metrics"], Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return targets(h) }},
		{Name: "MinPods", Doc: specDoc["minReplicas"], Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any {
			if h.Spec.MinReplicas == nil {
				return generic.Unset
			}
			return int64(*h.Spec.MinReplicas)
		}},
		{Name: "MaxPods", Doc: specDoc["maxReplicas"], Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Spec.MaxReplicas) }},
		{Name: "Replicas", Doc: statusDoc["currentReplicas"], Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Status.CurrentReplicas) }},
		generic.Age[*autoscalingv2.HorizontalPodAutoscaler](),
	},
}
