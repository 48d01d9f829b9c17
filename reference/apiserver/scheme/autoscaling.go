package scheme

import (
	"encoding/json"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Annotations in which autoscaling/v1 carries what only v2 has fields for.
const (
	hpaMetricsAnnotation    = "autoscaling.alpha.kubernetes.io/metrics"
	hpaBehaviorAnnotation   = "autoscaling.alpha.kubernetes.io/behavior"
	hpaConditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions"
	hpaCurrentAnnotation    = "autoscaling.alpha.kubernetes.io/current-metrics"
)

func addAutoscalingConversions(s *runtime.Scheme) error {
	if err := addConversions[autoscalingv1.HorizontalPodAutoscaler, autoscalingv2.HorizontalPodAutoscaler,
		autoscalingv1.HorizontalPodAutoscalerList, autoscalingv2.HorizontalPodAutoscalerList](s, hpaV1ToV2); err != nil {
		return err
	}
	return addConversions[autoscalingv2.HorizontalPodAutoscaler, autoscalingv1.HorizontalPodAutoscaler,
		autoscalingv2.HorizontalPodAutoscalerList, autoscalingv1.HorizontalPodAutoscalerList](s, hpaV2ToV1)
}

func hpaV1ToV2(in *autoscalingv1.HorizontalPodAutoscaler, out *autoscalingv2.HorizontalPodAutoscaler) {
	out.ObjectMeta = *in.ObjectMeta.DeepCopy()
	out.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef)
	out.Spec.MinReplicas, out.Spec.MaxReplicas = in.Spec.MinReplicas, in.Spec.MaxReplicas
	out.Status.ObservedGeneration = in.Status.ObservedGeneration
	out.Status.LastScaleTime = in.Status.LastScaleTime
	out.Status.CurrentReplicas, out.Status.DesiredReplicas = in.Status.CurrentReplicas, in.Status.DesiredReplicas
	if target := in.Spec.TargetCPUUtilizationPercentage; target != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuUtilization(*target))
	}
	if current := in.Status.CurrentCPUUtilizationPercentage; current != nil {
		out.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{
				Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: current},
			},
		}}
	}
	// A value that does not parse was not written by a conversion; it stays behind as an annotation.
	take(out.Annotations, hpaMetricsAnnotation, func(metrics []autoscalingv1.MetricSpec) {
		out.Spec.Metrics = append(out.Spec.Metrics, each(metrics, metricFromV1)...)
	})
	take(out.Annotations, hpaCurrentAnnotation, func(metrics []autoscalingv1.MetricStatus) {
		out.Status.CurrentMetrics = each(metrics, currentFromV1)
	})
	take(out.Annotations, hpaBehaviorAnnotation, func(b *autoscalingv2.HorizontalPodAutoscalerBehavior) { out.Spec.Behavior = b })
	take(out.Annotations, hpaConditionsAnnotation, func(c []autoscalingv2.HorizontalPodAutoscalerCondition) { out.Status.Conditions = c })
}

func hpaV2ToV1(in *autoscalingv2.HorizontalPodAutoscaler, out *autoscalingv1.HorizontalPodAutoscaler) {
	out.ObjectMeta = *in.ObjectMeta.DeepCopy()
	out.Spec.ScaleTargetRef = autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef)
	out.Spec.MinReplicas, out.Spec.MaxReplicas = in.Spec.MinReplicas, in.Spec.MaxReplicas
	out.Status.ObservedGeneration = in.Status.ObservedGeneration
	out.Status.LastScaleTime = in.Status.LastScaleTime
	out.Status.CurrentReplicas, out.Status.DesiredReplicas = in.Status.CurrentReplicas, in.Status.DesiredReplicas
	rest := slices.Clone(in.Spec.Metrics)
	if i := slices.IndexFunc(rest, isCPUUtilization); i >= 0 {
		out.Spec.TargetCPUUtilizationPercentage = rest[i].Resource.Target.AverageUtilization
		rest = slices.Delete(rest, i, i+1)
	}
	for _, m := range in.Status.CurrentMetrics {
		if m.Resource != nil && m.Resource.Name == corev1.ResourceCPU {
			out.Status.CurrentCPUUtilizationPercentage = m.Resource.Current.AverageUtilization
		}
	}
	put(&out.Annotations, hpaMetricsAnnotation, each(rest, metricToV1), len(rest) > 0)
	put(&out.Annotations, hpaCurrentAnnotation, each(in.Status.CurrentMetrics, currentToV1), len(in.Status.CurrentMetrics) > 0)
	put(&out.Annotations, hpaBehaviorAnnotation, behaviorToV1(in.Spec.Behavior), in.Spec.Behavior != nil)
	put(&out.Annotations, hpaConditionsAnnotation, in.Status.Conditions, len(in.Status.Conditions) > 0)
}

func cpuUtilization(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
		},
	}
}

func isCPUUtilization(m autoscalingv2.MetricSpec) bool {
	return m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Target.AverageUtilization != nil
}

// take parses the annotation into a T, gives it to use and removes it.
func take[T any](annotations map[string]string, key string, use func(T)) {
	text, ok := annotations[key]
	if !ok {
		return
	}
	var value T
	if json.Unmarshal([]byte(text), &value) != nil {
		return
	}
	use(value)
	delete(annotations, key)
}

// put stores value as JSON in the annotation, if there is anything to store.
func put(annotations *map[string]string, key string, value any, present bool) {
	if !present {
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		return
	}
	if *annotations == nil {
		*annotations = map[string]string{}
	}
	(*annotations)[key] = string(text)
}
