package nodes

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// tolerating describes a pod of the node that stays for so many seconds after a NoExecute taint of the key came; for ever if nil.
func tolerating(name string, node *StandInNode, key string, seconds *int64) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	node.Take(&pod.Spec)
	pod.Spec.Tolerations = append(pod.Spec.Tolerations,
		corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds})
	return pod
}

// named says that a pod of the name is among those.
func named(pods []*corev1.Pod, name string) bool {
	return len(Where(pods, func(p *corev1.Pod) bool { return p.Name == name })) == 1
}

func going(name string) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		left := Where(now, func(p *corev1.Pod) bool { return p.Name == name })
		return len(left) == 0 || left[0].DeletionTimestamp != nil
	}
}

var _ = Describe("eviction from nodes", func() {
	f := New()

	f.It("nodes/evicts-after-toleration", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		brief := tolerating("brief", node, corev1.TaintNodeNotReady, ptr.To[int64](8))
		f.Create(ctx, brief, tolerating("ever", node, corev1.TaintNodeNotReady, nil))
		pods.MustReach(ctx, "both pods are ready", Exactly(2, Ready))
		node.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		tainted := untilTainted(ctx, f, node, notReady, SettleTimeout)
		pods.MustReach(ctx, "the brief one is evicted", going("brief"))
		var since time.Time
		for _, taint := range tainted.Spec.Taints {
			if taint.Effect == corev1.TaintEffectNoExecute {
				since = taint.TimeAdded.Time
			}
		}
		Expect(pods.ReachedAt()).To(BeTemporally(">=", since.Add(7*time.Second)), "evicted before the 8 s were over") // the taint's time is in whole seconds
		f.WaitEvent(ctx, brief, "TaintManagerEviction")
		pods.MustNever(ctx, "the other one is evicted", going("ever"), Quiet)
	})

	f.It("nodes/recovery-cancels-eviction", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		f.Create(ctx, tolerating("brief", node, corev1.TaintNodeNotReady, ptr.To[int64](20)))
		pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))
		node.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		untilTainted(ctx, f, node, notReady, SettleTimeout)
		node.Say(ctx, corev1.NodeReady, corev1.ConditionTrue)
		untilTainted(ctx, f, node, "", 15*time.Second)
		pods.MustNever(ctx, "the pod is evicted after all", going("brief"), 25*time.Second)
	})

	f.It("nodes/noexecute-evicts", func(ctx SpecContext) {
		const key = "conformance.etalon.dev/maintenance"
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		none := Pod("none", "sleep", "1h")
		node.Take(&none.Spec)
		f.Create(ctx, none, tolerating("brief", node, key, ptr.To[int64](6)), tolerating("ever", node, key, nil))
		pods.MustReach(ctx, "all pods are ready", Exactly(3, Ready))
		current, started := node.Get(ctx), time.Now()
		f.Edit(ctx, current, func() {
			current.Spec.Taints = append(current.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute})
		})
		first := pods.MustReach(ctx, "the one that does not tolerate it is evicted", going("none"))
		Expect(named(first, "brief") && named(first, "ever")).To(BeTrue(), "one that tolerates the taint went at once")
		for _, pod := range first {
			if pod.Name == "none" {
				Expect(PodCondition(pod, corev1.DisruptionTarget).Reason).To(Equal("DeletionByTaintManager"))
			}
		}
		pods.MustReach(ctx, "the one that tolerates it for 6 s is evicted", going("brief"))
		Expect(pods.ReachedAt().Sub(started)).To(BeNumerically(">", 4*time.Second))
		pods.MustNever(ctx, "the one that tolerates it is evicted", going("ever"), Quiet)
	})

	f.It("nodes/deleted-node-pods-collected", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		f.Create(ctx, tolerating("web", node, corev1.TaintNodeUnreachable, nil))
		pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))
		node.Delete(ctx)
		pods.MustReach(ctx, "the pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})

	f.It("nodes/out-of-service", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		pod := Pod("web", "sleep", "1h")
		node.Take(&pod.Spec)
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
		f.Create(ctx, pod)
		pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))
		node.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		untilTainted(ctx, f, node, notReady, SettleTimeout)
		node.Silence()
		f.Delete(ctx, pod)
		pods.MustNever(ctx, "the pod is removed while its node may still run it", func(now []*corev1.Pod) bool { return len(now) == 0 }, Quiet)
		current := node.Get(ctx)
		f.Edit(ctx, current, func() {
			current.Spec.Taints = append(current.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute})
		})
		pods.MustReach(ctx, "the pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})
})

var _ = Describe("what replaces evicted pods", func() {
	f := New()

	// failing makes a node whose pods are to leave as soon as it is not ready, and another like it.
	failing := func(ctx SpecContext) (first, second *StandInNode, place func(*corev1.Pod)) {
		key := "conformance.etalon.dev/" + f.Namespace
		first = f.StandInNode(ctx, map[string]string{key: "yes"})
		second = f.StandInNode(ctx, nil)
		return first, second, func(pod *corev1.Pod) {
			TakeStandIns(&pod.Spec, key, "yes")
			for _, taint := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
				pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
					Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](0)})
			}
		}
	}
	join := func(ctx SpecContext, node *StandInNode) {
		f.Patch(ctx, node.Get(ctx), `{"metadata":{"labels":{"conformance.etalon.dev/`+f.Namespace+`":"yes"}}}`)
	}

	f.It("nodes/evicted-are-replaced-elsewhere", func(ctx SpecContext) {
		first, second, place := failing(ctx)
		pods := f.WatchPods(ctx, "")
		template := Pod("web", "sleep", "1h")
		place(template)
		f.Create(ctx, ReplicaSet("web", 2, template))
		pods.MustReach(ctx, "both pods are ready on the first node", Exactly(2, Ready))
		join(ctx, second)
		first.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		first.Silence() // its pods do not end
		pods.MustReach(ctx, "both pods have a ready successor on the second node while they have not ended", func(now []*corev1.Pod) bool {
			ending := Where(now, func(p *corev1.Pod) bool { return p.Spec.NodeName == first.Name && p.DeletionTimestamp != nil })
			return len(ending) == 2 && len(Where(now, func(p *corev1.Pod) bool { return p.Spec.NodeName == second.Name && Ready(p) })) == 2
		})
	})

	f.It("nodes/statefulset-waits-for-certainty", func(ctx SpecContext) {
		first, second, place := failing(ctx)
		pods := f.WatchPods(ctx, "")
		template := Pod("db", "sleep", "1h")
		place(template)
		f.Create(ctx, StatefulSet("db", 1, template))
		old := pods.MustReach(ctx, "the pod is ready on the first node", Exactly(1, Ready))[0]
		join(ctx, second)
		first.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		first.Silence()
		pods.MustReach(ctx, "the pod is evicted", going("db-0"))
		pods.MustNever(ctx, "it is replaced or removed", func(now []*corev1.Pod) bool { return len(Where(now, Is(old))) != 1 || len(now) != 1 }, Quiet)
		f.Delete(ctx, old, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		pods.MustReach(ctx, "a pod of the same name is ready on the second node", Exactly(1, func(p *corev1.Pod) bool {
			return p.Name == old.Name && p.UID != old.UID && p.Spec.NodeName == second.Name && Ready(p)
		}))
	})

	f.It("nodes/daemonset-pods-stay", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		template := Pod("agent", "sleep", "1h")
		node.Take(&template.Spec)
		f.Create(ctx, DaemonSet("agent", template))
		pods.MustReach(ctx, "its pod is ready", Exactly(1, Ready))
		node.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		untilTainted(ctx, f, node, notReady, SettleTimeout)
		pods.MustNever(ctx, "its pod is evicted", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 1 }, Quiet)
		node.Silence()
		untilTainted(ctx, f, node, unreachable, silence)
		pods.MustNever(ctx, "its pod is evicted", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 1 }, Quiet)
	})
})
