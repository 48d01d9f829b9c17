package scheme

import (
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func autoscalerOfEverything() *autoscalingv2.HorizontalPodAutoscaler {
	named := autoscalingv2.MetricIdentifier{Name: "m", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}
	service := autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Service", Name: "s"}
	five := ptr.To(resource.MustParse("5"))
	percent := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](50)}
	average := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: five}
	value := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: five}
	used := autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To[int32](40), AverageValue: five}
	return &autoscalingv2.HorizontalPodAutoscaler{
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 3,
			Metrics: []autoscalingv2.MetricSpec{
				{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: percent}},
				{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceMemory, Target: average}},
				{Type: "ContainerResource", ContainerResource: &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceCPU, Container: "c", Target: percent}},
				{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{Metric: named, Target: average}},
				{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{DescribedObject: service, Metric: named, Target: value}},
				{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{DescribedObject: service, Metric: named, Target: average}},
				{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: named, Target: value}},
				{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: named, Target: average}},
			},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{
				StabilizationWindowSeconds: ptr.To[int32](0), SelectPolicy: ptr.To(autoscalingv2.MinChangePolicySelect), Tolerance: five,
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: 60}}}},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			CurrentMetrics: []autoscalingv2.MetricStatus{
				{Type: "Resource", Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceCPU, Current: used}},
				{},
				{Type: "ContainerResource", ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{Name: corev1.ResourceCPU, Container: "c", Current: used}},
				{Type: "Pods", Pods: &autoscalingv2.PodsMetricStatus{Metric: named, Current: autoscalingv2.MetricValueStatus{AverageValue: five}}},
				{Type: "Object", Object: &autoscalingv2.ObjectMetricStatus{DescribedObject: service, Metric: named, Current: autoscalingv2.MetricValueStatus{Value: five}}},
				{Type: "External", External: &autoscalingv2.ExternalMetricStatus{Metric: named, Current: autoscalingv2.MetricValueStatus{AverageValue: five}}},
			},
			Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionTrue, Reason: "R"}},
		},
	}
}

func TestAutoscalersKeepEverythingInV1(t *testing.T) {
	in := autoscalerOfEverything()
	var old autoscalingv1.HorizontalPodAutoscaler
	hpaV2ToV1(in, &old)
	var out autoscalingv2.HorizontalPodAutoscaler
	hpaV1ToV2(&old, &out)
	if len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	if !equality.Semantic.DeepEqual(in, &out) {
		t.Errorf("there and back: %+v\nwant %+v", out, in)
	}
}

func TestAutoscalersOfV1LookAsTheyAlwaysDid(t *testing.T) {
	in := autoscalerOfEverything()
	in.Spec.Metrics, in.Status.CurrentMetrics = in.Spec.Metrics[:2], in.Status.CurrentMetrics[:1]
	in.Spec.Behavior.ScaleDown.Tolerance = nil
	var old autoscalingv1.HorizontalPodAutoscaler
	hpaV2ToV1(in, &old)
	if got := old.Spec.TargetCPUUtilizationPercentage; got == nil || *got != 50 {
		t.Errorf("targetCPUUtilizationPercentage is %v", got)
	}
	for annotation, want := range map[string]string{
		hpaMetricsAnnotation:  `[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"5"}}]`,
		hpaCurrentAnnotation:  `[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":40,"currentAverageValue":"5"}}]`,
		hpaBehaviorAnnotation: `{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":0,"SelectPolicy":"Min","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":60}],"Tolerance":null}}`,
	} {
		if got := old.Annotations[annotation]; got != want {
			t.Errorf("%s is %s, want %s", annotation, got, want)
		}
	}
}
