package daemonsets

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the pods of a DaemonSet", func() {
	f := New()

	f.It("daemonsets/owner-and-name", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pod := pods.MustReach(ctx, "the node has a pod", ready(mine...))[0]
		Expect(pod.Name).To(MatchRegexp("^agent-[a-z0-9]{5}$"))
		Expect(pod.GenerateName).To(Equal("agent-"))
		Expect(pod.OwnerReferences).To(Equal([]metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", UID: set.UID, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
		}}))
	})

	f.It("daemonsets/scheduled-by-affinity", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		f.Create(ctx, agents(f))
		for _, pod := range pods.MustReach(ctx, "both nodes have a pod", ready(mine...)) {
			Expect(pod.Spec.SchedulerName).To(Equal(corev1.DefaultSchedulerName))
			Expect(pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution).To(Equal(&corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
					{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{pod.Spec.NodeName}}}}},
			}))
			Expect(f.WaitEvent(ctx, pod, "Scheduled").Source.Component + f.WaitEvent(ctx, pod, "Scheduled").ReportingController).To(ContainSubstring(corev1.DefaultSchedulerName))
			unbound := func(p *corev1.Pod) bool { return p.UID == pod.UID && p.Spec.NodeName == "" }
			Expect(pods.Seen()).To(ContainElement(Satisfy(Exactly(1, unbound))), "the pod %s was there before it was bound", pod.Name)
		}
	})

	f.It("daemonsets/deleted-returns", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		f.Create(ctx, agents(f))
		before := pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		f.Delete(ctx, before[0])
		pods.MustReach(ctx, "another stands in for the deleted one, on its node", func(now []*corev1.Pod) bool {
			return ready(mine...)(now) && len(Where(now, Is(before[0]))) == 0 && len(Where(now, Is(before[1]))) == 1
		})
	})

	f.It("daemonsets/failed-returns", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		failed := pods.MustReach(ctx, "the node has a pod", ready(mine...))[0]
		f.Patch(ctx, failed.DeepCopy(), `{"status":{"phase":"Failed"}}`, "status")
		pods.MustReach(ctx, "the failed pod has gone, and another is there", func(now []*corev1.Pod) bool {
			return ready(mine...)(now) && now[0].UID != failed.UID
		})
		event := f.WaitEvent(ctx, set, "FailedDaemonPod")
		Expect(event.Type).To(Equal(corev1.EventTypeWarning))
		Expect(event.Message).To(And(ContainSubstring(failed.Name), ContainSubstring(mine[0].Name)))
	})

	f.It("daemonsets/removes-surplus", func(ctx SpecContext) {
		mine := nodes(ctx, f, 1)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		set.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType // so that a pod without its hash is not replaced
		f.Create(ctx, set)
		pods.MustReach(ctx, "the node has a pod", ready(mine...))
		second := Pod("second", "sleep", "24h")
		second.Labels = map[string]string{"app": "agent"}
		mine[0].Take(&second.Spec)
		f.Create(ctx, second)
		pods.MustReach(ctx, "the node has two", Exactly(2, Active))
		pods.MustReach(ctx, "the node has one again", ready(mine...))
		pods.MustNever(ctx, "there are none, or two", not(bound(mine...)), Quiet)
	})

	f.It("daemonsets/delete-cascades", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		set := agents(f)
		f.Create(ctx, set)
		pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		f.Delete(ctx, set)
		pods.MustReach(ctx, "there is no pod", func(now []*corev1.Pod) bool { return len(now) == 0 })
		pods.MustNever(ctx, "a pod comes back", func(now []*corev1.Pod) bool { return len(now) > 0 }, Quiet)
		f.WaitUntil(ctx, "the revisions have gone", SettleTimeout, func(ctx context.Context) (bool, string) {
			left := revisions(ctx, f, set)
			return len(left) == 0, fmt.Sprintf("%d are left", len(left))
		})
	})

	f.It("daemonsets/orphan-and-adopt", func(ctx SpecContext) {
		mine := nodes(ctx, f, 2)
		pods := f.WatchPods(ctx, "app=agent")
		first, second := agents(f), agents(f)
		f.Create(ctx, first)
		before := pods.MustReach(ctx, "both nodes have a pod", ready(mine...))
		f.Delete(ctx, first, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)})
		f.WaitGone(ctx, first)
		pods.MustReach(ctx, "the pods are nobody's", Exactly(2, func(p *corev1.Pod) bool { return metav1.GetControllerOf(p) == nil }))
		pods.MustNever(ctx, "an orphan goes", not(bound(mine...)), Quiet)
		f.Create(ctx, second)
		adopted := pods.MustReach(ctx, "the next DaemonSet has taken them", Exactly(2, func(p *corev1.Pod) bool { return OwnedBy(p, second) }))
		Expect(Names(adopted)).To(Equal(Names(before)))
		pods.MustNever(ctx, "a pod of the same template is replaced", func(now []*corev1.Pod) bool {
			return len(now) != 2 || len(Where(now, Is(before[0]), Active))+len(Where(now, Is(before[1]), Active)) != 2
		}, Quiet)
	})

	f.It("daemonsets/real-nodes", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=agent")
		set := DaemonSet("agent", Pod("agent", "sleep", "24h"))
		f.Create(ctx, set)
		real := f.Nodes(ctx)
		everywhere := func(template string) func([]*corev1.Pod) bool {
			return func(now []*corev1.Pod) bool {
				for _, node := range real {
					if len(Where(now, generation(template), Ready, func(p *corev1.Pod) bool { return p.Spec.NodeName == node.Name })) != 1 {
						return false
					}
				}
				return len(Where(now, Ready, generation(template))) == len(now)
			}
		}
		for _, pod := range pods.MustReach(ctx, "each node runs a pod", everywhere("")) {
			Expect(f.MustExec(ctx, pod.Name, "main", "/tool", "hostname")).To(Equal(pod.Name))
		}
		update(ctx, f, set, "2", false)
		pods.MustReach(ctx, "each node runs a pod of the new template", everywhere("2"))
	})
})
