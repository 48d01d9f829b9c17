package daemonsets

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("DaemonSets and taints", func() {
	f := New()
	const own = "conformance.etalon.dev/dedicated"

	f.It("daemonsets/tolerations", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		wanted := func(more ...corev1.Toleration) []corev1.Toleration {
			tolerations := []corev1.Toleration{{Key: StandInKey, Operator: corev1.TolerationOpExists}}
			for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
				tolerations = append(tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute})
			}
			for _, key := range []string{corev1.TaintNodeDiskPressure, corev1.TaintNodeMemoryPressure, corev1.TaintNodePIDPressure, corev1.TaintNodeUnschedulable} {
				tolerations = append(tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
			}
			return append(tolerations, more...)
		}
		pods, hosts := f.WatchPods(ctx, "app=agent"), f.WatchPods(ctx, "app=host")
		f.Create(ctx, agents(f))
		pod := pods.MustReach(ctx, "the node has a pod", bound(mine...))[0]
		Expect(pod.Spec.Tolerations).To(ConsistOf(wanted()))

		host := agents(f)
		host.Name, host.Spec.Selector.MatchLabels, host.Spec.Template.Labels = "host", map[string]string{"app": "host"}, map[string]string{"app": "host"}
		host.Spec.Template.Spec.HostNetwork = true
		f.Create(ctx, host)
		pod = hosts.MustReach(ctx, "the node has a pod in its own network", bound(mine...))[0]
		Expect(pod.Spec.Tolerations).To(ConsistOf(wanted(corev1.Toleration{
			Key: corev1.TaintNodeNetworkUnavailable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})))
	})

	f.It("daemonsets/troubled-nodes", func(ctx SpecContext) {
		mine := nodes(ctx, f, 4)
		mine[0].Say(ctx, corev1.NodeMemoryPressure, corev1.ConditionTrue)
		mine[1].Say(ctx, corev1.NodeDiskPressure, corev1.ConditionTrue)
		mine[2].Say(ctx, corev1.NodePIDPressure, corev1.ConditionTrue)
		f.Patch(ctx, mine[3].Get(ctx), `{"spec":{"unschedulable":true}}`)
		for i, key := range []string{corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure, corev1.TaintNodePIDPressure, corev1.TaintNodeUnschedulable} {
			waitTaint(ctx, f, mine[i], key)
		}
		pods := f.WatchPods(ctx, "app=agent")
		f.Create(ctx, agents(f))
		pods.MustReach(ctx, "each of the nodes has a pod", bound(mine...))
		pods.MustNever(ctx, "one of the pods goes", not(bound(mine...)), Quiet)
	})

	f.It("daemonsets/unready-nodes", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		mine[0].Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		mine[1].Silence()
		waitTaint(ctx, f, mine[0], corev1.TaintNodeNotReady)
		waitTaint(ctx, f, mine[1], corev1.TaintNodeUnreachable)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
			spec := &set.Spec.Template.Spec
			spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
		}
		f.Create(ctx, set)
		pods.MustReach(ctx, "both nodes have a pod", bound(mine...))
		pods.MustNever(ctx, "one of the pods goes", not(bound(mine...)), Quiet)
	})

	f.It("daemonsets/network-unavailable", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		mine[0].Say(ctx, corev1.NodeNetworkUnavailable, corev1.ConditionTrue)
		waitTaint(ctx, f, mine[0], corev1.TaintNodeNetworkUnavailable)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pods.MustReach(ctx, "the node with a network has a pod", ready(mine[1]))
		pods.MustNever(ctx, "the one without has", not(bound(mine[1])), Quiet)
		f.Edit(ctx, set, func() { set.Spec.Template.Spec.HostNetwork = true })
		pods.MustReach(ctx, "pods that need no network of their own are on both", ready(mine...))
	})

	f.It("daemonsets/taints-need-toleration", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		taint(ctx, f, mine[0], own, corev1.TaintEffectNoSchedule)
		taint(ctx, f, mine[1], own, corev1.TaintEffectNoExecute)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pods.MustReach(ctx, "the node without a taint has a pod", ready(mine[2]))
		pods.MustNever(ctx, "a tainted node has", not(bound(mine[2])), Quiet)
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, ready: 1, updated: 1, available: 1})
		f.Edit(ctx, set, func() {
			spec := &set.Spec.Template.Spec
			spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: own, Operator: corev1.TolerationOpExists})
		})
		pods.MustReach(ctx, "pods that tolerate the taint are on all nodes", ready(mine...))
	})

	f.It("daemonsets/noexecute-removes", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		before := pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		taint(ctx, f, mine[0], own, corev1.TaintEffectNoExecute)
		pods.MustReach(ctx, "the pod of the tainted node has gone", bound(mine[1]))
		// Who evicts and who makes pods hear of the taint independently: from when the maker has, it is to hold.
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, ready: 1, updated: 1, available: 1})
		pods.Mark()
		pods.MustReach(ctx, "the tainted node has no pod", bound(mine[1]))
		pods.MustNever(ctx, "it comes back, or the other goes", func(now []*corev1.Pod) bool {
			return !bound(mine[1])(now) || now[0].UID != Where(before, on(mine[1]))[0].UID
		}, Quiet)
		untaint(ctx, f, mine[0], own)
		pods.MustReach(ctx, "without the taint there is a pod again", ready(mine...))
	})

	f.It("daemonsets/noschedule-keeps", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		before := pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		taint(ctx, f, mine[0], own, corev1.TaintEffectNoSchedule)
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, misscheduled: 1, ready: 1, updated: 1, available: 1})
		pods.MustNever(ctx, "the pod of the tainted node goes", not(bound(mine...)), Quiet)
		f.Delete(ctx, Where(before, on(mine[0]))[0])
		pods.MustReach(ctx, "somebody has deleted it", bound(mine[1]))
		pods.MustNever(ctx, "it comes back", not(bound(mine[1])), Quiet)
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, ready: 1, updated: 1, available: 1})
	})
})
