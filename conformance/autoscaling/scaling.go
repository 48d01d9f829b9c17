package autoscaling

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("scaling by a metric", func() {
	f := New()

	f.It("autoscaling/external-metric", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 45)
		hpa := aiming(`{metrics: [` + perReplica("queue", 10) + `]}`)
		f.Create(ctx, hpa)
		x.wants(ctx, 5) // 45 over 10, rounded up
		event := f.WaitEvent(ctx, hpa, "SuccessfulRescale")
		Expect(event.Message).To(HavePrefix("New size: 5; reason: external metric queue("))
		Expect(event.Message).To(HaveSuffix("above target"))
		f.WaitDeployment(ctx, "web", "has 5 replicas", func(d *appsv1.Deployment) bool { return d.Status.Replicas == 5 })
		settled := waitFor(ctx, f, "web", "has seen the new size", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			return hpa.Status.CurrentReplicas == 5 && measured("9")(hpa) && has(hpa, "AbleToScale=True ReadyForNewScale")
		})
		Expect(settled.Status.DesiredReplicas).To(BeEquivalentTo(5))
		Expect(settled.Status.LastScaleTime).NotTo(BeNil())
		Expect(has(settled, "ScalingActive=True ValidMetricFound")).To(BeTrue(), "conditions %s", line(settled))
		Expect(has(settled, "ScalingLimited=False DesiredWithinRange")).To(BeTrue(), "conditions %s", line(settled))
		x.tell(ctx, "queue", 21)
		x.wants(ctx, 3)
	})

	f.It("autoscaling/metric-selector", func(ctx SpecContext) {
		x := withTarget(ctx, f, 1)
		x.metrics.Tell(ctx, "queue", Measurement{Labels: map[string]string{"of": "this"}, Value: "30"},
			Measurement{Labels: map[string]string{"of": "this", "part": "second"}, Value: "10"}, Measurement{Labels: map[string]string{"of": "that"}, Value: "900"})
		f.Create(ctx, aiming(`{metrics: [{type: External, external: {metric: {name: queue, selector: {matchLabels: {of: this}}}, target: {type: AverageValue, averageValue: "10"}}}]}`))
		x.wants(ctx, 4)
	})

	f.It("autoscaling/tolerance", func(ctx SpecContext) {
		x := withTarget(ctx, f, 5)
		x.tell(ctx, "queue", 54)
		sizes := x.sizes(ctx)
		f.Create(ctx, aiming(`{metrics: [`+perReplica("queue", 10)+`]}`))
		waitFor(ctx, f, "web", "has measured 8 % more than its target", measured("10800m"))
		x.tell(ctx, "queue", 46)
		waitFor(ctx, f, "web", "has measured 8 % less", measured("9200m"))
		sizes.MustNever(ctx, "another size", other(5), Quiet)
		x.tell(ctx, "queue", 56)
		x.wants(ctx, 6)
	})

	f.It("autoscaling/own-tolerance", func(ctx SpecContext) {
		x := withTarget(ctx, f, 5)
		x.tell(ctx, "queue", 52)
		f.Create(ctx, aiming(`{metrics: [`+perReplica("queue", 10)+`], behavior: {scaleUp: {tolerance: "0.01"}, scaleDown: {stabilizationWindowSeconds: 0, tolerance: "0.5"}}}`))
		x.wants(ctx, 6)
		f.WaitDeployment(ctx, "web", "has 6 replicas", func(d *appsv1.Deployment) bool { return d.Status.Replicas == 6 })
		sizes := x.sizes(ctx)
		x.tell(ctx, "queue", 33)
		waitFor(ctx, f, "web", "has measured 45 % less than its target", measured("5500m"))
		sizes.MustNever(ctx, "another size", other(6), Quiet)
		x.tell(ctx, "queue", 28)
		x.wants(ctx, 3)
	})

	f.It("autoscaling/highest-metric", func(ctx SpecContext) {
		x := withTarget(ctx, f, 3)
		x.tell(ctx, "low", 10)
		x.tell(ctx, "high", 60)
		x.tell(ctx, "middle", 40)
		sizes := x.sizes(ctx)
		f.Create(ctx, aiming(`{metrics: [`+perReplica("low", 10)+`, `+perReplica("high", 10)+`, `+perReplica("middle", 10)+`]}`))
		sizes.MustReach(ctx, "6 replicas, which the highest asks for", exactly(6))
		sizes.MustNever(ctx, "another size", other(6), Quiet)
		Expect(waitFor(ctx, f, "web", "tells all metrics", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			return len(hpa.Status.CurrentMetrics) == 3
		}).Status.CurrentMetrics[1].External.Metric.Name).To(Equal("high"), "metrics in the order of the spec")
	})

	f.It("autoscaling/missing-metric", func(ctx SpecContext) {
		x := withTarget(ctx, f, 4)
		x.tell(ctx, "queue", 10)
		hpa := aiming(`{metrics: [` + perReplica("lost", 10) + `, ` + perReplica("queue", 10) + `]}`)
		sizes := x.sizes(ctx)
		f.Create(ctx, hpa)
		seen := waitCondition(ctx, f, "web", "ScalingActive=False FailedGetExternalMetric")
		Expect(message(seen, autoscalingv2.ScalingActive)).To(ContainSubstring("lost"))
		f.WaitEvent(ctx, hpa, "FailedGetExternalMetric")
		f.WaitEvent(ctx, hpa, "FailedComputeMetricsReplicas")
		sizes.MustNever(ctx, "fewer replicas while a metric is missing", other(4), Quiet)
		x.tell(ctx, "queue", 70)
		x.wants(ctx, 7)
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
		x.tell(ctx, "lost", 10)
		x.tell(ctx, "queue", 20)
		x.wants(ctx, 2)
	})
})
