package daemonsets

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the nodes of a DaemonSet", func() {
	f := New()

	f.It("daemonsets/one-per-node", func(ctx SpecContext) {
		mine := nodes(ctx, f, 3)
		f.StandInNode(ctx, nil) // not one that the selector picks
		pods := f.WatchPods(ctx, "app=agent")
		pods.Throughout(ctx, "at most one pod for a node", oneAtATime)
		f.Create(ctx, agents(f))
		pods.MustReach(ctx, "each node has a ready pod", ready(mine...))
		pods.MustNever(ctx, "there is a pod more or fewer", not(bound(mine...)), Quiet)
	})

	f.It("daemonsets/follows-nodes", func(ctx SpecContext) {
		first := nodes(ctx, f, 1)[0]
		pods := f.WatchPods(ctx, "app=agent")
		f.Create(ctx, agents(f))
		kept := pods.MustReach(ctx, "the first node has a pod", ready(first))[0]
		second := nodes(ctx, f, 1)[0]
		pods.MustReach(ctx, "the node that has come has a pod", ready(first, second))
		second.Delete(ctx)
		pods.MustReach(ctx, "the pod of the node that went has gone", bound(first))
		pods.MustNever(ctx, "the other pod is replaced or joined", not(Exactly(1, Is(kept))), Quiet)
	})

	f.It("daemonsets/lost-with-node", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		before := pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		lost, kept := Where(before, on(mine[0]))[0], Where(before, on(mine[1]))[0]
		pods.Throughout(ctx, "no pod is made in place of the lost one", func(now []*corev1.Pod) string {
			if more := Where(now, func(p *corev1.Pod) bool { return p.UID != lost.UID && p.UID != kept.UID && target(p) != mine[0].Name }); len(more) > 0 {
				return "there are " + strings.Join(Names(more), ", ")
			}
			return ""
		})
		mine[0].Delete(ctx)
		pods.MustReach(ctx, "the lost pod has gone", func(now []*corev1.Pod) bool { return len(now) == 1 && now[0].UID == kept.UID })
		pods.MustNever(ctx, "there is another pod", func(now []*corev1.Pod) bool { return len(now) != 1 || now[0].UID != kept.UID }, Quiet)
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, ready: 1, updated: 1, available: 1})
	})

	f.It("daemonsets/relabelled-node", func(ctx SpecContext) {
		first, second := nodes(ctx, f, 1)[0], f.StandInNode(ctx, nil)
		pods := f.WatchPods(ctx, "app=agent")
		f.Create(ctx, agents(f))
		pods.MustReach(ctx, "the node that matches has a pod", ready(first))
		relabel(ctx, f, second, "yes")
		pods.MustReach(ctx, "the node that matches now has one too", ready(first, second))
		relabel(ctx, f, first, "no")
		pods.MustReach(ctx, "the node that no longer matches has none", bound(second))
		pods.MustNever(ctx, "it gets one", not(bound(second)), Quiet)
	})

	f.It("daemonsets/changed-node-selector", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		f.Patch(ctx, mine[1].Get(ctx), `{"metadata":{"labels":{"conformance.etalon.dev/disk":"ssd"}}}`)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		f.Edit(ctx, set, func() { set.Spec.Template.Spec.NodeSelector["conformance.etalon.dev/disk"] = "ssd" })
		pods.MustReach(ctx, "only the node that still matches has one, of the new template", func(now []*corev1.Pod) bool {
			return ready(mine[1])(now) && now[0].Spec.NodeSelector["conformance.etalon.dev/disk"] == "ssd"
		})
	})

	f.It("daemonsets/node-affinity", func(ctx SpecContext) {
		label := key(f)
		red, blue := f.StandInNode(ctx, map[string]string{label: "red"}), f.StandInNode(ctx, map[string]string{label: "blue"})
		marked := f.StandInNode(ctx, map[string]string{label: "green", "conformance.etalon.dev/marked": "yes"})
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		spec := &set.Spec.Template.Spec
		spec.NodeSelector = map[string]string{StandInKey: "yes"}
		preferred := []corev1.PreferredSchedulingTerm{{Weight: 7, Preference: corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: label, Operator: corev1.NodeSelectorOpExists}}}}}
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: preferred,
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
				{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: label, Operator: corev1.NodeSelectorOpIn, Values: []string{"red", "yellow"}}}},
				{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: label, Operator: corev1.NodeSelectorOpExists}, {Key: "conformance.etalon.dev/marked", Operator: corev1.NodeSelectorOpExists}}},
			}},
		}}
		f.Create(ctx, set)
		for _, pod := range pods.MustReach(ctx, "the nodes that one of the terms picks have a pod", ready(red, marked)) {
			Expect(pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution).To(Equal(preferred), "preferences stay as they are")
		}
		pods.MustNever(ctx, "another node gets one", not(bound(red, marked)), Quiet)
		relabel(ctx, f, blue, "yellow")
		pods.MustReach(ctx, "the node that matches now has one too", ready(red, blue, marked))
	})

	f.It("daemonsets/unfit-waits", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		set.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64")}
		f.Create(ctx, set)
		pods.MustReach(ctx, "a pod is made for the node, which has no room", Exactly(1, func(p *corev1.Pod) bool {
			return Unschedulable(p) && target(p) == mine[0].Name
		}))
		waitStatus(ctx, f, set, numbers{desired: 1, current: 1, updated: 1, unavailable: 1})
		pods.MustNever(ctx, "the pod is replaced or joined", func(now []*corev1.Pod) bool { return len(now) != 1 }, Quiet)
	})
})
