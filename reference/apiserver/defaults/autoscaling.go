package defaults

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerAutoscaling(s *runtime.Scheme) {
	addWithList(s, setHorizontalPodAutoscalerV1, func(l *autoscalingv1.HorizontalPodAutoscalerList) []autoscalingv1.HorizontalPodAutoscaler {
		return l.Items
	})
	addWithList(s, setHorizontalPodAutoscaler, func(l *autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler {
		return l.Items
	})
}

func setHorizontalPodAutoscalerV1(h *autoscalingv1.HorizontalPodAutoscaler) {
	orPointTo(&h.Spec.MinReplicas, 1)
}

// setHorizontalPodAutoscaler aims at 80 % of the requested CPU when no metric is named.
func setHorizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	orPointTo(&h.Spec.MinReplicas, 1)
	if len(h.Spec.Metrics) == 0 {
		utilization := int32(80)
		h.Spec.Metrics = []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{
				Name:   corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &utilization},
			},
		}}
	}
	if b := h.Spec.Behavior; b != nil {
		orPointTo(&b.ScaleUp, autoscalingv2.HPAScalingRules{})
		orPointTo(&b.ScaleUp.StabilizationWindowSeconds, 0)
		setScalingRules(b.ScaleUp,
			autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15})
		// The stabilization window of scaling down is the controller's own setting unless given.
		orPointTo(&b.ScaleDown, autoscalingv2.HPAScalingRules{})
		setScalingRules(b.ScaleDown,
			autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15})
	}
}

func setScalingRules(r *autoscalingv2.HPAScalingRules, policies ...autoscalingv2.HPAScalingPolicy) {
	orPointTo(&r.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if r.Policies == nil {
		r.Policies = policies
	}
}
