package autoscaling

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the behavior of scaling", func() {
	f := New()

	f.It("autoscaling/stabilization", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 60)
		f.Create(ctx, aiming(`{behavior: null, metrics: [`+perReplica("queue", 10)+`]}`))
		sizes := x.sizes(ctx)
		sizes.MustReach(ctx, "6 replicas", exactly(6))
		sizes.Mark()
		x.tell(ctx, "queue", 20)
		waitCondition(ctx, f, "web", "AbleToScale=True ScaleDownStabilized")
		sizes.MustNever(ctx, "fewer replicas within the window", other(6), looks)
	})

	f.It("autoscaling/short-stabilization", func(ctx SpecContext) {
		x := withTarget(ctx, f, 6)
		x.tell(ctx, "queue", 60)
		f.Create(ctx, aiming(`{behavior: {scaleDown: {stabilizationWindowSeconds: 20}}, metrics: [`+perReplica("queue", 10)+`]}`))
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
		sizes := x.sizes(ctx)
		x.tell(ctx, "queue", 20)
		waitCondition(ctx, f, "web", "AbleToScale=True ScaleDownStabilized")
		sizes.MustReach(ctx, "2 replicas, once the window is over", exactly(2))
	})

	f.It("autoscaling/scale-up-stabilization", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 20)
		f.Create(ctx, aiming(`{behavior: {scaleUp: {stabilizationWindowSeconds: 600}}, metrics: [`+perReplica("queue", 10)+`]}`))
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
		sizes := x.sizes(ctx)
		x.tell(ctx, "queue", 60)
		waitCondition(ctx, f, "web", "AbleToScale=True ScaleUpStabilized")
		sizes.MustNever(ctx, "more replicas within the window", other(2), Quiet)
	})

	f.It("autoscaling/scale-down-policy", func(ctx SpecContext) {
		x := withTarget(ctx, f, 8)
		x.tell(ctx, "queue", 10)
		sizes := x.sizes(ctx)
		f.Create(ctx, aiming(`{behavior: {scaleDown: {stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 2, periodSeconds: 40}, {type: Percent, value: 10, periodSeconds: 40}]}},
			metrics: [`+perReplica("queue", 10)+`]}`))
		paced(ctx, sizes, 8, []int32{6, 4}, 40*time.Second)
		waitCondition(ctx, f, "web", "ScalingLimited=True ScaleDownLimit")
	})

	f.It("autoscaling/scale-up-policy", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		x.tell(ctx, "queue", 100)
		sizes := x.sizes(ctx)
		f.Create(ctx, aiming(`{behavior: {scaleUp: {policies: [{type: Pods, value: 3, periodSeconds: 40}, {type: Percent, value: 50, periodSeconds: 40}], selectPolicy: Min}},
			metrics: [`+perReplica("queue", 10)+`]}`))
		paced(ctx, sizes, 2, []int32{3, 5}, 40*time.Second) // 50 %, rounded up
		waitCondition(ctx, f, "web", "ScalingLimited=True ScaleUpLimit")
	})

	f.It("autoscaling/disabled", func(ctx SpecContext) {
		x := withTarget(ctx, f, 4)
		x.tell(ctx, "queue", 10)
		sizes := x.sizes(ctx)
		f.Create(ctx, aiming(`{behavior: {scaleDown: {stabilizationWindowSeconds: 0, selectPolicy: Disabled}}, metrics: [`+perReplica("queue", 10)+`]}`))
		waitCondition(ctx, f, "web", "ScalingLimited=True ScaleDownLimit")
		sizes.MustNever(ctx, "fewer replicas", other(4), Quiet)
		x.tell(ctx, "queue", 60)
		sizes.MustReach(ctx, "6 replicas, as scaling up is not disabled", exactly(6))
	})
})

// paced fails the spec unless the Deployment goes from a size through the others and no other, a period or more apart.
func paced(ctx SpecContext, sizes *Observer[*appsv1.Deployment], from int32, through []int32, period time.Duration) {
	GinkgoHelper()
	var last time.Time
	for _, next := range through {
		got := sizes.MustReach(ctx, fmt.Sprintf("a size other than %d", from), other(from))
		Expect(got[0].Spec.Replicas).To(HaveValue(Equal(next)), "replicas after %d", from)
		if !last.IsZero() {
			// Seen by two events: the first may have come a little late.
			Expect(sizes.ReachedAt().Sub(last)).To(BeNumerically(">", period-2*time.Second), "time from %d to %d replicas", from, next)
		}
		last, from = sizes.ReachedAt(), next
	}
}
