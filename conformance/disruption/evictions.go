package disruption

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("evictions", func() {
	f := New()

	f.It("disruption/eviction-without-budget", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "other")
		f.Create(ctx, minAvailable("other", "100%"), onNode(node, "web"))
		pod := pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0]
		budgets.MustReach(ctx, "the other pods' budget is seen", func(now []*policyv1.PodDisruptionBudget) bool {
			return len(now) == 1 && now[0].Status.ObservedGeneration == 1
		})
		mustEvict(ctx, f, pod, "no budget selects it")
		pods.MustReach(ctx, "it is gone", gone(pod))
	})

	f.It("disruption/eviction-allowed", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		f.Create(ctx, ReplicaSet("web", 3, onNode(node, "web")), minAvailable("web", "2"))
		pod := pods.MustReach(ctx, "all pods are ready", Exactly(3, Ready))[0]
		budgets.MustReach(ctx, "one disruption is allowed", tells(3, 3, 2, 1))
		code, err := evictWithCode(ctx, f, pod)
		Expect(err).NotTo(HaveOccurred())
		Expect(code).To(Equal(http.StatusCreated))
		going := pods.MustReach(ctx, "it is terminating", Exactly(1, func(p *corev1.Pod) bool { return p.UID == pod.UID && p.DeletionTimestamp != nil }))
		disrupted := PodCondition(Where(going, Is(pod))[0], corev1.DisruptionTarget)
		Expect(disrupted.Status).To(Equal(corev1.ConditionTrue), "the condition DisruptionTarget")
		Expect(disrupted.Reason).To(Equal("EvictionByEvictionAPI"))
		budgets.MustReach(ctx, "it counts as disrupted", func(now []*policyv1.PodDisruptionBudget) bool { return now[0].Status.DisruptionsAllowed == 0 })
		pods.MustReach(ctx, "another is ready in its place", func(now []*corev1.Pod) bool { return gone(pod)(now) && len(Where(now, Ready)) == 3 })
		budgets.MustReach(ctx, "one disruption is allowed again", tells(3, 3, 2, 1))
	})

	f.It("disruption/eviction-refused", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		f.Create(ctx, ReplicaSet("web", 2, onNode(node, "web")), minAvailable("web", "100%"))
		pod := pods.MustReach(ctx, "all pods are ready", Exactly(2, Ready))[0]
		budgets.MustReach(ctx, "no disruption is allowed", tells(2, 2, 2, 0))
		mustNotEvict(ctx, f, pod, "web needs 2 healthy pods and has 2 currently")
		pods.MustNever(ctx, "a pod is marked or goes", func(now []*corev1.Pod) bool {
			return len(Where(now, Ready)) != 2 || len(Where(now, func(p *corev1.Pod) bool { return PodCondition(p, corev1.DisruptionTarget).Status != "" })) > 0
		}, Quiet)
	})

	f.It("disruption/several-budgets", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, first, second := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web"), f.WatchBudget(ctx, "web-too")
		too := minAvailable("web", "1")
		too.Name = "web-too"
		f.Create(ctx, ReplicaSet("web", 2, onNode(node, "web")), minAvailable("web", "1"), too)
		pod := pods.MustReach(ctx, "all pods are ready", Exactly(2, Ready))[0]
		first.MustReach(ctx, "one disruption is allowed", tells(2, 2, 1, 1))
		second.MustReach(ctx, "one disruption is allowed", tells(2, 2, 1, 1))
		MustRefuse(evict(ctx, f, pod), http.StatusInternalServerError, "more than one PodDisruptionBudget")
		pods.MustNever(ctx, "a pod goes", func(now []*corev1.Pod) bool { return len(Where(now, Ready)) != 2 }, Quiet)
		f.Delete(ctx, too)
		f.WaitGone(ctx, too)
		f.WaitUntil(ctx, "the pod can be evicted when one budget is left", SettleTimeout, evictable(f, pod))
	})

	f.It("disruption/eviction-dry-run", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		dry := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
		pods, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		f.Create(ctx, ReplicaSet("web", 2, onNode(node, "web")), minAvailable("web", "1"))
		ready := pods.MustReach(ctx, "all pods are ready", Exactly(2, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(2, 2, 1, 1))
		for _, pod := range append(ready, ready...) {
			Expect(evict(ctx, f, pod, dry)).To(Succeed(), "a dry run within the budget")
		}
		pods.MustNever(ctx, "a pod is marked or goes", func(now []*corev1.Pod) bool {
			return len(Where(now, Ready)) != 2 || len(Where(now, func(p *corev1.Pod) bool { return PodCondition(p, corev1.DisruptionTarget).Status != "" })) > 0
		}, Quiet)
		Expect(tells(2, 2, 1, 1)(budgets.Now())).To(BeTrue(), "the budget's status is what it was")
		Expect(budgets.Now()[0].Status.DisruptedPods).To(BeEmpty())
		f.Patch(ctx, budgets.Now()[0], `{"spec":{"minAvailable":2}}`)
		budgets.MustReach(ctx, "no disruption is allowed", tells(2, 2, 2, 0))
		MustRefuse(evict(ctx, f, ready[0], dry), http.StatusTooManyRequests, "disruption budget")
	})

	f.It("disruption/eviction-options", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		own, given := onNode(node, "own"), onNode(node, "given")
		own.Spec.TerminationGracePeriodSeconds, given.Spec.TerminationGracePeriodSeconds = ptr.To[int64](25), ptr.To[int64](25)
		f.Create(ctx, own, given)
		pods.MustReach(ctx, "both pods are ready", Exactly(2, Ready))
		node.Silence() // its pods do not end
		MustRefuse(evict(ctx, f, own, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(given.UID))}), http.StatusConflict)
		ends := func(pod *corev1.Pod, seconds int64) func([]*corev1.Pod) bool {
			return Exactly(1, func(p *corev1.Pod) bool {
				return p.UID == pod.UID && p.DeletionTimestamp != nil && ptr.Deref(p.DeletionGracePeriodSeconds, -1) == seconds
			})
		}
		pods.MustNever(ctx, "the pod is ended though the preconditions name another", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 2 }, Quiet)
		Expect(evict(ctx, f, own, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(own.UID))})).To(Succeed())
		pods.MustReach(ctx, "it is given its own time to end", ends(own, 25))
		Expect(evict(ctx, f, given, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](7)})).To(Succeed())
		pods.MustReach(ctx, "it is given the eviction's time to end", ends(given, 7))
	})

	f.It("disruption/eviction-of-nothing", func(ctx SpecContext) {
		MustBeMissing(evict(ctx, f, Pod("none", "sleep", "1h")))
	})
})
