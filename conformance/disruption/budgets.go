package disruption

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what budgets say", func() {
	f := New()

	f.It("disruption/budget-either-way", func(ctx SpecContext) {
		for _, b := range []*policyv1.PodDisruptionBudget{minAvailable("web", "1"), maxUnavailable("web", "1"), minAvailable("web", "0"), maxUnavailable("web", "100%")} {
			Expect(f.DryCreate(ctx, b)).To(Succeed())
		}
		both := minAvailable("web", "1")
		both.Spec.MaxUnavailable = ptr.To(intstr.FromInt32(1))
		MustBeInvalid(f.DryCreate(ctx, both), "spec", "minAvailable and maxUnavailable cannot be both set")
		made := minAvailable("web", "1")
		f.Create(ctx, made)
		MustBeInvalid(f.TryEdit(ctx, made, func() { made.Spec.MaxUnavailable = ptr.To(intstr.FromInt32(1)) }), "spec")
	})

	f.It("disruption/budget-values", func(ctx SpecContext) {
		for _, amount := range []string{"-1", "101%", "-1%", "half", "0.5"} {
			By("amount " + amount)
			MustBeInvalid(f.DryCreate(ctx, minAvailable("web", amount)), "spec.minAvailable")
			MustBeInvalid(f.DryCreate(ctx, maxUnavailable("web", amount)), "spec.maxUnavailable")
		}
		b := minAvailable("web", "1")
		for _, policy := range []policyv1.UnhealthyPodEvictionPolicyType{policyv1.IfHealthyBudget, policyv1.AlwaysAllow} {
			b.Spec.UnhealthyPodEvictionPolicy = &policy
			Expect(f.DryCreate(ctx, b.DeepCopy())).To(Succeed(), "policy %s", policy)
		}
		b.Spec.UnhealthyPodEvictionPolicy = ptr.To(policyv1.UnhealthyPodEvictionPolicyType("NeverAllow"))
		MustBeInvalid(f.DryCreate(ctx, b), "spec.unhealthyPodEvictionPolicy")
	})

	f.It("disruption/budget-changes", func(ctx SpecContext) {
		budgets := f.WatchBudget(ctx, "web")
		f.Create(ctx, ReplicaSet("web", 4, Idle()))
		f.WaitUntil(ctx, "the ReplicaSet has made its pods", SettleTimeout, pods(f, 4))
		b := minAvailable("web", "1")
		f.Create(ctx, b)
		budgets.MustReach(ctx, "the status tells of minAvailable 1", tells(4, 0, 1, 0))
		f.Edit(ctx, b, func() { b.Spec.MinAvailable, b.Spec.MaxUnavailable = nil, ptr.To(intstr.FromInt32(1)) })
		Expect(b.Generation).To(BeEquivalentTo(2))
		budgets.MustReach(ctx, "the status tells of maxUnavailable 1", tells(4, 0, 3, 0))
		f.Edit(ctx, b, func() { b.Spec.Selector.MatchLabels["app"] = "none" })
		budgets.MustReach(ctx, "the status tells of the other selector", tells(0, 0, 0, 0))
	})
})

var _ = Describe("the status of budgets", func() {
	f := New()

	f.It("disruption/min-available", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		set := ReplicaSet("web", 3, onNode(node, "web"))
		f.Create(ctx, minAvailable("web", "2"))
		budgets.MustReach(ctx, "nothing is expected without pods", func(now []*policyv1.PodDisruptionBudget) bool {
			return len(now) == 1 && now[0].Status.ObservedGeneration == 1 && now[0].Status.ExpectedPods == 0 && now[0].Status.DisruptionsAllowed == 0
		})
		f.Create(ctx, set)
		ready := pods.MustReach(ctx, "all pods are ready", Exactly(3, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(3, 3, 2, 1))
		sicken(ctx, f, ready[0])
		budgets.MustReach(ctx, "none is allowed, as one pod is not ready", tells(3, 2, 2, 0))
		f.Scale(ctx, set, 5)
		budgets.MustReach(ctx, "two are allowed, as there are more pods", tells(5, 4, 2, 2))
	})

	f.It("disruption/max-unavailable", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		set := Deployment("web", 4, onNode(node, "web"))
		f.Create(ctx, set, maxUnavailable("web", "1"))
		ready := pods.MustReach(ctx, "all pods are ready", Exactly(4, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(4, 4, 3, 1))
		sicken(ctx, f, ready[0])
		budgets.MustReach(ctx, "none is allowed, as one pod is not ready", tells(4, 3, 3, 0))
		sicken(ctx, f, ready[1])
		budgets.MustReach(ctx, "fewer are healthy than desired", tells(4, 2, 3, 0))
		b := maxUnavailable("web", "1")
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable = ptr.To(intstr.FromInt32(3)) })
		budgets.MustReach(ctx, "one is allowed, as more may be unavailable", tells(4, 2, 1, 1))
	})

	f.It("disruption/during-rollout", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		web := Deployment("web", 4, onNode(node, "web"))
		one := intstr.FromInt32(1)
		web.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: &one, MaxUnavailable: &one}
		f.Create(ctx, web, maxUnavailable("web", "2"))
		budgets.MustReach(ctx, "two disruptions are allowed", tells(4, 4, 2, 2))
		f.Edit(ctx, web, func() { ReadyWhenTold(&web.Spec.Template.Spec) })
		seen.MustReach(ctx, "the rollout waits with 3 old pods and 2 new ones", func(now []*corev1.Pod) bool {
			return len(now) == 5 && len(Where(now, Ready)) == 3 && len(Where(now, Active, func(p *corev1.Pod) bool { return len(p.Spec.ReadinessGates) > 0 })) == 2
		})
		budgets.MustReach(ctx, "4 pods are expected, as the Deployment wants, and one disruption is left", tells(4, 3, 2, 1))
	})

	f.It("disruption/percentages", func(ctx SpecContext) {
		budgets := f.WatchBudget(ctx, "web")
		set := Deployment("web", 7, Idle())
		b := minAvailable("web", "50%")
		f.Create(ctx, set, b)
		budgets.MustReach(ctx, "4 of 7 must be available", tells(7, 0, 4, 0))
		f.Edit(ctx, b, func() { b.Spec.MinAvailable, b.Spec.MaxUnavailable = nil, ptr.To(intstr.FromString("30%")) })
		budgets.MustReach(ctx, "3 of 7 may be unavailable", tells(7, 0, 4, 0))
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable = ptr.To(intstr.FromString("10%")) })
		budgets.MustReach(ctx, "1 of 7 may be unavailable", tells(7, 0, 6, 0))
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable = ptr.To(intstr.FromString("100%")) })
		budgets.MustReach(ctx, "all may be unavailable", tells(7, 0, 0, 0))
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable, b.Spec.MinAvailable = nil, ptr.To(intstr.FromString("90%")) })
		f.Scale(ctx, set, 3)
		budgets.MustReach(ctx, "3 of 3 must be available", tells(3, 0, 3, 0))
	})

	f.It("disruption/controllers", func(ctx SpecContext) {
		budgets := f.WatchBudget(ctx, "web")
		labelled := func(template *corev1.PodTemplateSpec) { template.Labels["tier"] = "front" }
		deployment, replicas := Deployment("deployment", 4, Idle()), ReplicaSet("replicaset", 3, Idle())
		controller, set := Controller("controller", 2, Idle()), StatefulSet("statefulset", 1, Idle())
		labelled(&deployment.Spec.Template)
		labelled(&replicas.Spec.Template)
		labelled(controller.Spec.Template)
		labelled(&set.Spec.Template)
		b := maxUnavailable("web", "25%")
		b.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "front"}}
		f.Create(ctx, b, deployment)
		budgets.MustReach(ctx, "the Deployment's replicas count", tells(4, 0, 3, 0))
		f.Create(ctx, replicas)
		budgets.MustReach(ctx, "those of the ReplicaSet count too", tells(7, 0, 5, 0))
		f.Create(ctx, controller)
		budgets.MustReach(ctx, "those of the ReplicationController count too", tells(9, 0, 6, 0))
		f.Create(ctx, set)
		budgets.MustReach(ctx, "those of the StatefulSet count too", tells(10, 0, 7, 0))
	})

	f.It("disruption/without-scale", func(ctx SpecContext) {
		budgets := f.WatchBudget(ctx, "web")
		template := Template("web", Idle())
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		f.Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: batchv1.JobSpec{Template: template}})
		f.WaitUntil(ctx, "the Job has made its pod", SettleTimeout, pods(f, 1))
		f.Create(ctx, maxUnavailable("web", "1"))
		b := budgets.MustReach(ctx, "its status cannot be told", func(now []*policyv1.PodDisruptionBudget) bool {
			return len(now) == 1 && condition(now[0]).Reason == policyv1.SyncFailedReason
		})[0]
		Expect(condition(b).Status).To(Equal(metav1.ConditionFalse))
		Expect(b.Status.DisruptionsAllowed).To(BeZero())
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable, b.Spec.MinAvailable = nil, ptr.To(intstr.FromInt32(1)) })
		budgets.MustReach(ctx, "a number that must be available needs no replicas", tells(1, 0, 1, 0))
	})

	f.It("disruption/without-controller", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		for _, name := range []string{"web-0", "web-1"} {
			pod := onNode(node, name)
			pod.Labels["app"] = "web"
			f.Create(ctx, pod)
		}
		ready := seen.MustReach(ctx, "both pods are ready", Exactly(2, Ready))
		b := maxUnavailable("web", "1")
		f.Create(ctx, b)
		allowed := func(n int32) func([]*policyv1.PodDisruptionBudget) bool {
			return func(now []*policyv1.PodDisruptionBudget) bool {
				if len(now) != 1 {
					return false
				}
				s := now[0].Status
				return s.ObservedGeneration == now[0].Generation && s.CurrentHealthy == 2 && s.DisruptionsAllowed == n
			}
		}
		budgets.MustReach(ctx, "maxUnavailable allows nothing", allowed(0))
		mustNotEvict(ctx, f, ready[0], "web")
		f.Edit(ctx, b, func() { b.Spec.MaxUnavailable, b.Spec.MinAvailable = nil, ptr.To(intstr.FromString("50%")) })
		budgets.MustReach(ctx, "a percentage allows nothing", allowed(0))
		mustNotEvict(ctx, f, ready[0], "web")
		f.Edit(ctx, b, func() { b.Spec.MinAvailable = ptr.To(intstr.FromInt32(1)) })
		budgets.MustReach(ctx, "a number allows one disruption", tells(2, 2, 1, 1))
		mustEvict(ctx, f, ready[0], "one disruption is allowed")
		seen.MustReach(ctx, "it is gone", gone(ready[0]))
		budgets.MustReach(ctx, "none is left to be evicted", tells(1, 1, 1, 0))
		mustNotEvict(ctx, f, ready[1], "web")
	})

	f.It("disruption/selectors", func(ctx SpecContext) {
		all, none := f.WatchBudget(ctx, "all"), f.WatchBudget(ctx, "none")
		f.Create(ctx, ReplicaSet("web", 2, Idle()), ReplicaSet("db", 1, Idle()))
		f.WaitUntil(ctx, "the ReplicaSets have made their pods", SettleTimeout, pods(f, 3))
		every, nothing := minAvailable("all", "1"), minAvailable("none", "1")
		every.Spec.Selector, nothing.Spec.Selector = &metav1.LabelSelector{}, nil
		f.Create(ctx, every, nothing)
		all.MustReach(ctx, "all pods are expected", tells(3, 0, 1, 0))
		none.MustReach(ctx, "the status is there", func(now []*policyv1.PodDisruptionBudget) bool {
			return len(now) == 1 && now[0].Status.ObservedGeneration == 1
		})
		none.MustNever(ctx, "pods are expected by a budget without a selector", func(now []*policyv1.PodDisruptionBudget) bool { return now[0].Status.ExpectedPods != 0 }, Quiet)
	})
})
