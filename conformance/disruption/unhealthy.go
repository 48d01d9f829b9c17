package disruption

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("evictions of pods that are not ready", func() {
	f := New()

	// guarded makes three ready pods without a controller, so that none is replaced, and a budget that wants two.
	guarded := func(ctx SpecContext, policy *policyv1.UnhealthyPodEvictionPolicyType) (pods *Observer[*corev1.Pod], budgets *Observer[*policyv1.PodDisruptionBudget], ready []*corev1.Pod) {
		GinkgoHelper()
		node := f.StandInNode(ctx, nil)
		pods, budgets = f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		for _, name := range []string{"web-0", "web-1", "web-2"} {
			pod := onNode(node, name)
			pod.Labels["app"] = "web"
			f.Create(ctx, pod)
		}
		b := minAvailable("web", "2")
		b.Spec.UnhealthyPodEvictionPolicy = policy
		f.Create(ctx, b)
		ready = pods.MustReach(ctx, "all pods are ready", Exactly(3, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(3, 3, 2, 1))
		return pods, budgets, ready
	}

	f.It("disruption/unhealthy-if-healthy-budget", func(ctx SpecContext) {
		pods, budgets, ready := guarded(ctx, nil)
		sicken(ctx, f, ready[0])
		budgets.MustReach(ctx, "just enough are healthy", tells(3, 2, 2, 0))
		mustNotEvict(ctx, f, ready[1], "web")
		mustEvict(ctx, f, ready[0], "it is not healthy and enough others are")
		pods.MustReach(ctx, "it is gone", gone(ready[0]))
		budgets.MustReach(ctx, "just enough are left", tells(2, 2, 2, 0))
		sicken(ctx, f, ready[1])
		budgets.MustReach(ctx, "too few are healthy", tells(2, 1, 2, 0))
		mustNotEvict(ctx, f, ready[1], "web")
		mustNotEvict(ctx, f, ready[2], "web")
		pods.MustNever(ctx, "another goes", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 2 }, Quiet)
	})

	f.It("disruption/unhealthy-always-allow", func(ctx SpecContext) {
		pods, budgets, ready := guarded(ctx, ptr.To(policyv1.AlwaysAllow))
		sicken(ctx, f, ready[0])
		sicken(ctx, f, ready[1])
		budgets.MustReach(ctx, "too few are healthy", tells(3, 1, 2, 0))
		mustNotEvict(ctx, f, ready[2], "web")
		mustEvict(ctx, f, ready[0], "it is not healthy")
		mustEvict(ctx, f, ready[1], "it is not healthy")
		left := pods.MustReach(ctx, "both are gone", func(now []*corev1.Pod) bool { return len(now) == 1 })
		Expect(left[0].UID).To(Equal(ready[2].UID))
		Expect(Ready(left[0])).To(BeTrue(), "the healthy one stays")
	})

	f.It("disruption/pending-and-finished", func(ctx SpecContext) {
		pods, budgets, ready := guarded(ctx, nil)
		pending, held := Idle(), ready[2]
		pending.Name, pending.Labels["app"] = "pending", "web"
		f.Create(ctx, pending)
		f.Patch(ctx, held, `{"metadata":{"finalizers":["`+Hold+`"]}}`)
		f.LetGoAfterwards(held)
		f.Delete(ctx, held)
		status(ctx, f, ready[0], `{"status":{"phase":"Succeeded","conditions":[{"type":"Ready","status":"False"}]}}`)
		budgets.MustReach(ctx, "too few are healthy", func(now []*policyv1.PodDisruptionBudget) bool {
			return now[0].Status.CurrentHealthy == 1 && now[0].Status.DisruptionsAllowed == 0
		})
		mustNotEvict(ctx, f, ready[1], "web")
		mustEvict(ctx, f, pending, "it is pending")
		mustEvict(ctx, f, ready[0], "it has finished")
		mustEvict(ctx, f, held, "it is terminating")
		pods.MustReach(ctx, "the pending and the finished one are gone", func(now []*corev1.Pod) bool { return gone(pending)(now) && gone(ready[0])(now) })
	})
})
