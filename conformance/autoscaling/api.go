package autoscaling

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the API of autoscalers", func() {
	f := New()

	f.It("autoscaling/defaults", func(ctx SpecContext) {
		hpa := aiming(`{minReplicas: null, behavior: {scaleUp: {stabilizationWindowSeconds: 60}}}`)
		Expect(f.DryCreate(ctx, hpa)).To(Succeed())
		Expect(hpa.Spec.MinReplicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(hpa.Spec.Metrics).To(HaveLen(1), "without metrics")
		Expect(hpa.Spec.Metrics[0].Resource).To(Equal(&autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](80)}}))
		up, down := hpa.Spec.Behavior.ScaleUp, hpa.Spec.Behavior.ScaleDown
		Expect(up.StabilizationWindowSeconds).To(HaveValue(BeEquivalentTo(60)))
		Expect(up.SelectPolicy).To(HaveValue(Equal(autoscalingv2.MaxChangePolicySelect)))
		Expect(up.Policies).To(ConsistOf(
			autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}))
		Expect(down.SelectPolicy).To(HaveValue(Equal(autoscalingv2.MaxChangePolicySelect)))
		Expect(down.Policies).To(ConsistOf(autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}))
		plain := aiming(`{behavior: null}`)
		Expect(f.DryCreate(ctx, plain)).To(Succeed())
		Expect(plain.Spec.Behavior).To(BeNil(), "a behavior that was not given")
	})

	f.It("autoscaling/refusals", func(ctx SpecContext) {
		for spec, field := range map[string]string{
			`{maxReplicas: 0}`:                 "spec.maxReplicas",
			`{minReplicas: 5, maxReplicas: 4}`: "spec.maxReplicas",
			`{minReplicas: -1}`:                "spec.minReplicas",
			`{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: ""}}`:                                                                       "spec.scaleTargetRef.name",
			`{scaleTargetRef: {apiVersion: apps/v1, kind: "", name: web}}`:                                                                              "spec.scaleTargetRef.kind",
			`{metrics: [{type: External}]}`:                                                                                                             "spec.metrics[0].external",
			`{metrics: [{type: Sum, external: {metric: {name: m}, target: {type: Value, value: 1}}}]}`:                                                  "spec.metrics[0].type",
			`{metrics: [{type: External, external: {metric: {name: ""}, target: {type: Value, value: 1}}}]}`:                                            "spec.metrics[0].external.metric.name",
			`{metrics: [{type: External, external: {metric: {name: m}, target: {type: Value, value: 0}}}]}`:                                             "spec.metrics[0].external.target.value",
			`{metrics: [{type: Pods, pods: {metric: {name: m}, target: {type: AverageValue}}}]}`:                                                        "spec.metrics[0].pods.target.averageValue",
			`{metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}]}`:                                  "spec.metrics[0].resource.target.averageUtilization",
			`{metrics: [{type: ContainerResource, containerResource: {name: cpu, container: "", target: {type: Utilization, averageUtilization: 5}}}]}`: "spec.metrics[0].containerResource.container",
			`{behavior: {scaleUp: {stabilizationWindowSeconds: 3601}}}`:                                                                                 "spec.behavior.scaleUp.stabilizationWindowSeconds",
			`{behavior: {scaleDown: {selectPolicy: Median}}}`:                                                                                           "spec.behavior.scaleDown.selectPolicy",
			`{behavior: {scaleDown: {policies: [{type: Pods, value: 0, periodSeconds: 15}]}}}`:                                                          "spec.behavior.scaleDown.policies[0].value",
			`{behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 1801}]}}}`:                                                        "spec.behavior.scaleDown.policies[0].periodSeconds",
		} {
			By(spec)
			MustBeInvalid(f.DryCreate(ctx, aiming(spec)), field)
		}
	})

	f.It("autoscaling/minimum-of-zero", func(ctx SpecContext) {
		MustBeInvalid(f.DryCreate(ctx, aiming(`{minReplicas: 0, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}`)),
			"spec.metrics")
		Expect(f.DryCreate(ctx, aiming(`{minReplicas: 0, metrics: [`+perReplica("m", 1)+`]}`))).To(Succeed())
	})

	f.It("autoscaling/versions", func(ctx SpecContext) {
		hpa := aiming(`{metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}, ` + perReplica("queue", 10) + `]}`)
		hpa.Spec.ScaleTargetRef.Name = "none-such"
		f.Create(ctx, hpa)
		v1 := f.API.AutoscalingV1().HorizontalPodAutoscalers(f.Namespace)
		old, err := v1.Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(old.Spec.TargetCPUUtilizationPercentage).To(HaveValue(BeEquivalentTo(60)))
		Expect(old.Annotations).To(HaveKeyWithValue("autoscaling.alpha.kubernetes.io/metrics", ContainSubstring("queue")))
		Expect(old.Annotations).To(HaveKeyWithValue("autoscaling.alpha.kubernetes.io/behavior", ContainSubstring("tabilizationWindowSeconds")))
		waitCondition(ctx, f, "web", "AbleToScale=False FailedGetScale")
		old, err = v1.Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(old.Annotations).To(HaveKeyWithValue("autoscaling.alpha.kubernetes.io/conditions", ContainSubstring("FailedGetScale")))
		// What v1 does not know outlives a change by way of v1.
		f.Edit(ctx, old, func() { old.Spec.MaxReplicas, old.Spec.TargetCPUUtilizationPercentage = 7, ptr.To[int32](70) })
		f.Get(ctx, hpa)
		Expect(hpa.Spec.MaxReplicas).To(BeEquivalentTo(7))
		Expect(hpa.Spec.Metrics).To(HaveLen(2))
		for _, m := range hpa.Spec.Metrics { // in whichever order
			if m.Resource != nil {
				Expect(m.Resource.Target.AverageUtilization).To(HaveValue(BeEquivalentTo(70)))
			} else {
				Expect(m.External.Metric.Name).To(Equal("queue"))
				Expect(m.External.Target.AverageValue.String()).To(Equal("10"))
			}
		}
		Expect(hpa.Spec.Behavior.ScaleDown.StabilizationWindowSeconds).To(HaveValue(BeEquivalentTo(0)))

		f.Create(ctx, &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "old"}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "old"}, MaxReplicas: 3}})
		made, err := f.API.AutoscalingV2().HorizontalPodAutoscalers(f.Namespace).Get(ctx, "old", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.Spec.Metrics).To(HaveLen(1))
		Expect(made.Spec.Metrics[0].Resource.Target.AverageUtilization).To(HaveValue(BeEquivalentTo(80)))
	})

	f.It("autoscaling/columns", func(ctx SpecContext) {
		hpa := aiming(`{maxReplicas: 4, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}`)
		hpa.Spec.ScaleTargetRef.Name = "none-such"
		f.Create(ctx, hpa)
		var table metav1.Table
		f.Ask(ctx, http.MethodGet, "/apis/autoscaling/v2/namespaces/"+f.Namespace+"/horizontalpodautoscalers/web", "",
			"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Must(http.StatusOK).Into(&table)
		var names []string
		for _, column := range table.ColumnDefinitions {
			names = append(names, column.Name)
		}
		Expect(names).To(Equal([]string{"Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"}))
		Expect(table.Rows[0].Cells[:6]).To(HaveExactElements(Equal("web"), Equal("Deployment/none-such"), Equal("cpu: <unknown>/50%"),
			BeEquivalentTo(1), BeEquivalentTo(4), BeEquivalentTo(0)))
	})
})
