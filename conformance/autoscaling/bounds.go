package autoscaling

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the bounds of scaling", func() {
	f := New()

	f.It("autoscaling/maximum", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 900)
		x.sizes(ctx).Throughout(ctx, "at most 5 replicas", func(all []*appsv1.Deployment) string { return outside(all, 2, 5) })
		hpa := aiming(`{minReplicas: 2, maxReplicas: 5, metrics: [` + perReplica("queue", 10) + `]}`)
		f.Create(ctx, hpa)
		x.wants(ctx, 5)
		waitCondition(ctx, f, "web", "ScalingLimited=True TooManyReplicas")
	})

	f.It("autoscaling/minimum", func(ctx SpecContext) {
		x := withTarget(ctx, f, 4)
		x.tell(ctx, "queue", 0)
		x.sizes(ctx).Throughout(ctx, "at least 2 replicas", func(all []*appsv1.Deployment) string { return outside(all, 2, 4) })
		f.Create(ctx, aiming(`{minReplicas: 2, metrics: [`+perReplica("queue", 10)+`]}`))
		x.wants(ctx, 2)
		waitCondition(ctx, f, "web", "ScalingLimited=True TooFewReplicas")
	})

	// The size itself is put right, whatever the metrics are.
	f.It("autoscaling/out-of-bounds", func(ctx SpecContext) {
		d := Deployment("web", 1, Idle())
		hpa := aiming(`{minReplicas: 3, maxReplicas: 5, metrics: [` + perReplica("none-such", 10) + `]}`)
		f.Create(ctx, d, hpa)
		x := &fixture{Framework: f}
		x.wants(ctx, 3)
		Expect(f.WaitEvent(ctx, hpa, "SuccessfulRescale").Message).To(Equal("New size: 3; reason: Current number of replicas below Spec.MinReplicas"))
		f.Scale(ctx, d, 8)
		x.wants(ctx, 5)
	})

	f.It("autoscaling/paused", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 20)
		f.Create(ctx, aiming(`{metrics: [`+perReplica("queue", 10)+`]}`))
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
		f.Scale(ctx, x.target, 0)
		sizes := x.sizes(ctx)
		waitCondition(ctx, f, "web", "ScalingActive=False ScalingDisabled")
		x.tell(ctx, "queue", 50)
		sizes.MustNever(ctx, "a size other than zero", other(0), looks)
		f.Scale(ctx, x.target, 1)
		x.wants(ctx, 5)
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
	})

	f.It("autoscaling/to-zero-and-back", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 0)
		f.Create(ctx, aiming(`{minReplicas: 0, metrics: [`+perReplica("queue", 10)+`]}`))
		x.wants(ctx, 0)
		waitCondition(ctx, f, "web", "ScaledToZero=True ScaledToZero")
		x.tell(ctx, "queue", 25)
		x.wants(ctx, 3)
		waitCondition(ctx, f, "web", "ScaledToZero=False NotScaledToZero")
	})
})
