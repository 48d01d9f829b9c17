package autoscaling

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func TestTargets(t *testing.T) {
	utilization := func(name corev1.ResourceName, target int32) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Resource: &autoscalingv2.ResourceMetricSource{Name: name, Target: autoscalingv2.MetricTarget{AverageUtilization: &target}}}
	}
	pods := autoscalingv2.MetricSpec{Pods: &autoscalingv2.PodsMetricSource{Target: autoscalingv2.MetricTarget{AverageValue: ptr.To(resource.MustParse("100"))}}}
	current := autoscalingv2.MetricStatus{Resource: &autoscalingv2.ResourceMetricStatus{Current: autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To[int32](50)}}}
	for _, c := range []struct {
		specs   []autoscalingv2.MetricSpec
		current []autoscalingv2.MetricStatus
		want    string
	}{
		{nil, nil, "<none>"},
		{[]autoscalingv2.MetricSpec{utilization("cpu", 80)}, nil, "cpu: <unknown>/80%"},
		{[]autoscalingv2.MetricSpec{utilization("cpu", 80)}, []autoscalingv2.MetricStatus{current}, "cpu: 50%/80%"},
		{[]autoscalingv2.MetricSpec{utilization("cpu", 80), pods, utilization("memory", 70)}, []autoscalingv2.MetricStatus{current}, "cpu: 50%/80%, <unknown>/100 + 1 more..."},
	} {
		h := &autoscalingv2.HorizontalPodAutoscaler{}
		h.Spec.Metrics, h.Status.CurrentMetrics = c.specs, c.current
		if got := targets(h); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
