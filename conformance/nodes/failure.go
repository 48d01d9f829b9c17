package nodes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// silence bounds the time until a silent node is marked: by default 50 s of grace, a minute for a node that
// is new, and what the controller takes to look.
const silence = 3 * time.Minute

// taintText tells a node's taints as key:effect, sorted, without the one of stand-ins.
func taintText(node *corev1.Node) string {
	var taints []string
	for _, taint := range node.Spec.Taints {
		if taint.Key != StandInKey {
			taints = append(taints, strings.TrimPrefix(taint.Key, "node.kubernetes.io/")+":"+string(taint.Effect))
		}
	}
	slices.Sort(taints)
	return strings.Join(taints, " ")
}

func conditionOf(node *corev1.Node, kind corev1.NodeConditionType) corev1.NodeCondition {
	for _, condition := range node.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.NodeCondition{}
}

// untilTainted waits until the node's taints are these.
func untilTainted(ctx context.Context, f *Framework, node *StandInNode, want string, timeout time.Duration) *corev1.Node {
	GinkgoHelper()
	var now *corev1.Node
	f.WaitUntil(ctx, fmt.Sprintf("the taints of %s are %q", node.Name, want), timeout, func(ctx context.Context) (bool, string) {
		now = node.Get(ctx)
		return taintText(now) == want, fmt.Sprintf("%q, Ready %s", taintText(now), conditionOf(now, corev1.NodeReady).Status)
	})
	return now
}

const (
	unreachable = "unreachable:NoExecute unreachable:NoSchedule"
	notReady    = "not-ready:NoExecute not-ready:NoSchedule"
)

var _ = Describe("nodes that fail", func() {
	f := New()

	f.It("nodes/silent-is-unknown", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		node.Silence()
		silent := untilTainted(ctx, f, node, unreachable, silence)
		for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
			condition := conditionOf(silent, kind)
			Expect(condition.Status).To(Equal(corev1.ConditionUnknown), "condition %s", kind)
			Expect(condition.Reason).To(Equal("NodeStatusUnknown"), "condition %s", kind)
		}
		node.Speak(ctx)
		back := untilTainted(ctx, f, node, "", SettleTimeout)
		Expect(conditionOf(back, corev1.NodeReady).Status).To(Equal(corev1.ConditionTrue))
	})

	f.It("nodes/never-reporting-is-unknown", func(ctx SpecContext) {
		node := f.MuteNode(ctx)
		f.WaitUntil(ctx, "the mute node is Unknown", silence, func(ctx context.Context) (bool, string) {
			ready := conditionOf(node.Get(ctx), corev1.NodeReady)
			return ready.Status == corev1.ConditionUnknown && ready.Reason == "NodeStatusNeverUpdated", fmt.Sprintf("Ready is %q, reason %q", ready.Status, ready.Reason)
		})
		untilTainted(ctx, f, node, unreachable, SettleTimeout)
	})

	f.It("nodes/silent-pods-not-ready", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		pod := Pod("web", "sleep", "1h")
		node.Take(&pod.Spec)
		f.Create(ctx, pod)
		pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))
		node.Silence()
		pods.MustReach(ctx, "the pod is not ready", Exactly(1, func(p *corev1.Pod) bool {
			return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning && PodCondition(p, corev1.PodReady).Status == corev1.ConditionFalse
		}))
		Expect(conditionOf(node.Get(ctx), corev1.NodeReady).Status).To(Equal(corev1.ConditionUnknown))
		pods.MustNever(ctx, "the pod goes while it tolerates the node", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 1 }, Quiet)
	})

	f.It("nodes/not-ready-taints", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		node.Say(ctx, corev1.NodeReady, corev1.ConditionFalse)
		untilTainted(ctx, f, node, notReady, SettleTimeout)
		node.Say(ctx, corev1.NodeReady, corev1.ConditionTrue)
		untilTainted(ctx, f, node, "", SettleTimeout)
	})

	f.It("nodes/pressure-taints", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		for kind, taint := range map[corev1.NodeConditionType]string{
			corev1.NodeMemoryPressure: "memory-pressure:NoSchedule", corev1.NodeDiskPressure: "disk-pressure:NoSchedule",
			corev1.NodePIDPressure: "pid-pressure:NoSchedule", corev1.NodeNetworkUnavailable: "network-unavailable:NoSchedule",
		} {
			node.Say(ctx, kind, corev1.ConditionTrue)
			untilTainted(ctx, f, node, taint, SettleTimeout)
			node.Say(ctx, kind, corev1.ConditionFalse)
			untilTainted(ctx, f, node, "", SettleTimeout)
		}
	})

	f.It("nodes/cordon", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "")
		before, after := Pod("before", "sleep", "1h"), Pod("after", "sleep", "1h")
		node.Take(&before.Spec)
		node.Take(&after.Spec)
		f.Create(ctx, before)
		pods.MustReach(ctx, "the first pod is ready", Exactly(1, Ready))
		f.Patch(ctx, node.Get(ctx), `{"spec":{"unschedulable":true}}`)
		untilTainted(ctx, f, node, "unschedulable:NoSchedule", SettleTimeout)
		// The scheduler hears of nodes and of pods by different ways. One that knows the younger node knows of the cordon.
		younger, canary := f.StandInNode(ctx, nil), Pod("canary", "sleep", "1h")
		younger.Take(&canary.Spec)
		f.Create(ctx, canary)
		pods.MustReach(ctx, "the younger node has its pod", Exactly(1, func(p *corev1.Pod) bool { return p.Spec.NodeName == younger.Name && Ready(p) }))
		f.Create(ctx, after)
		pods.MustReach(ctx, "the second pod finds no node", Exactly(1, Unschedulable))
		pods.MustNever(ctx, "the second pod is bound or the first one goes", func(now []*corev1.Pod) bool {
			return len(Where(now, func(p *corev1.Pod) bool { return p.Spec.NodeName == node.Name && Ready(p) })) != 1
		}, Quiet)
		f.Patch(ctx, node.Get(ctx), `{"spec":{"unschedulable":false}}`)
		untilTainted(ctx, f, node, "", SettleTimeout)
		pods.MustReach(ctx, "the second pod runs there", Exactly(2, func(p *corev1.Pod) bool { return p.Spec.NodeName == node.Name && Ready(p) }))
	})
})
