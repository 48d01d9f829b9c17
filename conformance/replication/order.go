package replication

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// say changes the status of a pod of a stand-in node, as its kubelet would.
func say(ctx context.Context, f *Framework, pod *corev1.Pod, change func(*corev1.PodStatus)) {
	GinkgoHelper()
	f.Get(ctx, pod)
	change(&pod.Status)
	Expect(f.TryUpdate(ctx, pod, "status")).To(Succeed())
}

// readySince sets the pod's condition Ready, and when it became so.
func readySince(status corev1.ConditionStatus, age time.Duration) func(*corev1.PodStatus) {
	since := metav1.NewTime(time.Now().Add(-age)) // once: pods that are told the same are alike to the second
	return func(s *corev1.PodStatus) {
		for i := range s.Conditions {
			if s.Conditions[i].Type == corev1.PodReady {
				s.Conditions[i].Status, s.Conditions[i].LastTransitionTime = status, since
			}
		}
	}
}

var _ = Describe("which of the surplus goes first", func() {
	f := New()

	// start makes a ReplicaSet of ready pods on a stand-in node that has room for two of them, if they are big, and for many if not.
	start := func(ctx SpecContext, replicas int32, big bool) (*StandInNode, *appsv1.ReplicaSet, *Observer[*corev1.Pod], []*corev1.Pod) {
		GinkgoHelper()
		node, template := f.StandInNode(ctx, map[string]string{"conformance.etalon.dev/" + f.Namespace: "yes"}), Pod("web", "sleep", "1h")
		TakeStandIns(&template.Spec, "conformance.etalon.dev/"+f.Namespace, "yes")
		if big {
			template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3")}
		}
		pods, rs := f.WatchPods(ctx, "app=web"), ReplicaSet("web", replicas, template)
		f.Create(ctx, rs)
		return node, rs, pods, pods.MustReach(ctx, "all pods are ready", Exactly(int(replicas), Ready))
	}
	left := func(ctx SpecContext, pods *Observer[*corev1.Pod], count int) []string {
		GinkgoHelper()
		return Names(Where(pods.MustReach(ctx, "the surplus goes", Exactly(count, Active)), Active))
	}

	f.It("replication/removes-pending-first", func(ctx SpecContext) {
		node, rs, pods, running := start(ctx, 2, false)
		node.Silence()
		f.Scale(ctx, rs, 3)
		pods.MustReach(ctx, "a pod is bound to the node and does not run", Exactly(1, func(p *corev1.Pod) bool {
			return p.Spec.NodeName == node.Name && p.Status.Phase == corev1.PodPending
		}))
		say(ctx, f, running[0], readySince(corev1.ConditionFalse, 0))
		f.WaitReplicaSetReady(ctx, "web", 1) // it has heard of all this
		pods.Mark()
		f.Scale(ctx, rs, 2)
		Expect(left(ctx, pods, 2)).To(ConsistOf(running[0].Name, running[1].Name), "the pod that does not run goes before the one that is not ready")
		f.Scale(ctx, rs, 1)
		Expect(left(ctx, pods, 1)).To(ConsistOf(running[1].Name), "the pod that is not ready goes before the one that is")
	})

	f.It("replication/removes-doubled-up-first", func(ctx SpecContext) {
		_, rs, pods, first := start(ctx, 2, true)
		for _, pod := range first {
			say(ctx, f, pod, readySince(corev1.ConditionTrue, 2*time.Hour)) // by its age the third would be the first to go
		}
		f.StandInNode(ctx, map[string]string{"conformance.etalon.dev/" + f.Namespace: "yes"})
		f.Scale(ctx, rs, 3)
		lone := Where(pods.MustReach(ctx, "3 pods are ready", Exactly(3, Ready)), func(p *corev1.Pod) bool { return !Is(first[0])(p) && !Is(first[1])(p) })
		Expect(lone[0].Spec.NodeName).NotTo(Equal(first[0].Spec.NodeName), "the third pod finds room on the other node only")
		f.WaitReplicaSetReady(ctx, "web", 3)
		f.Scale(ctx, rs, 2)
		Expect(left(ctx, pods, 2)).To(ContainElement(lone[0].Name), "the pod alone on its node stays, although it is the youngest")
	})

	f.It("replication/removes-younger-first", func(ctx SpecContext) {
		_, rs, pods, ready := start(ctx, 4, false)
		say(ctx, f, ready[0], readySince(corev1.ConditionTrue, 2*time.Hour))
		say(ctx, f, ready[1], readySince(corev1.ConditionTrue, time.Minute))
		say(ctx, f, ready[2], readySince(corev1.ConditionTrue, 2*time.Hour))
		say(ctx, f, ready[3], readySince(corev1.ConditionFalse, 0))
		f.WaitReplicaSetReady(ctx, "web", 3) // it has heard of all this
		f.Scale(ctx, rs, 2)
		Expect(left(ctx, pods, 2)).To(ConsistOf(ready[0].Name, ready[2].Name), "of the ready pods the one goes that has been so for the shortest time")
	})

	f.It("replication/removes-restarted-first", func(ctx SpecContext) {
		_, rs, pods, ready := start(ctx, 4, false)
		since := readySince(corev1.ConditionTrue, 2*time.Hour)
		for i, pod := range ready[:3] {
			say(ctx, f, pod, func(s *corev1.PodStatus) {
				since(s)
				if i == 1 {
					s.ContainerStatuses[0].RestartCount = 3
				}
			})
		}
		say(ctx, f, ready[3], readySince(corev1.ConditionFalse, 0))
		f.WaitReplicaSetReady(ctx, "web", 3) // it has heard of all this
		f.Scale(ctx, rs, 2)
		Expect(left(ctx, pods, 2)).To(ConsistOf(ready[0].Name, ready[2].Name), "of pods that are alike the one goes whose containers have been restarted most")
	})
})
