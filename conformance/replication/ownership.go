package replication

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// orphan describes a pod app=app without a controller.
func orphan(name, app string) *corev1.Pod {
	pod := Idle()
	pod.Name, pod.Labels = name, map[string]string{"app": app}
	return pod
}

var _ = Describe("whose pods they are", func() {
	f := New()

	f.It("replication/adopts-orphans", func(ctx SpecContext) {
		for _, controller := range both("web", 3) {
			app := controller.GetName()
			pods := f.WatchPods(ctx, "app="+app)
			pods.Throughout(ctx, "at most 3 pods", neverMoreThan(3))
			f.Create(ctx, orphan(app+"-one", app), orphan(app+"-two", app))
			// A controller hears of pods and of its own object by different ways; the pods are to come first.
			pods.MustReach(ctx, "both orphans are known to the cluster", Exactly(2, Unschedulable))
			pods.MustNever(ctx, "orphans are taken or joined before there is a controller", func(now []*corev1.Pod) bool {
				return len(now) != 2 || len(Where(now, func(p *corev1.Pod) bool { return metav1.GetControllerOf(p) != nil })) > 0
			}, Quiet)
			f.Create(ctx, controller)
			reached := pods.MustReach(ctx, "3 pods are the controller's", Exactly(3, func(p *corev1.Pod) bool { return OwnedBy(p, controller) }))
			Expect(Names(reached)).To(ContainElements(app+"-one", app+"-two"), "it takes what is there before it makes more")
		}
	})

	f.It("replication/leaves-owned", func(ctx SpecContext) {
		owner := Controller("owner", 1, Idle())
		owner.Spec.Template.Labels = map[string]string{"app": "owner", "shared": "yes"}
		pods := f.WatchPods(ctx, "shared=yes")
		f.Create(ctx, owner)
		owned := pods.MustReach(ctx, "the first controller has its pod", Exactly(1, func(p *corev1.Pod) bool { return OwnedBy(p, owner) }))[0]
		other := ReplicaSet("other", 1, Idle())
		other.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"shared": "yes"}}
		other.Spec.Template.Labels = map[string]string{"app": "other", "shared": "yes"}
		f.Create(ctx, other)
		pods.MustReach(ctx, "the second controller has made a pod of its own", Exactly(1, func(p *corev1.Pod) bool { return OwnedBy(p, other) }))
		pods.MustNever(ctx, "a controller takes or removes the other's pod", func(now []*corev1.Pod) bool {
			return len(now) != 2 || len(Where(now, Is(owned), func(p *corev1.Pod) bool { return OwnedBy(p, owner) })) != 1
		}, Quiet)
	})

	f.It("replication/releases-relabelled", func(ctx SpecContext) {
		for _, controller := range both("web", 2) {
			app := controller.GetName()
			owned := func(p *corev1.Pod) bool { return OwnedBy(p, controller) && Active(p) }
			pods := f.WatchPods(ctx, "app in ("+app+",away)")
			f.Create(ctx, controller)
			leaver := pods.MustReach(ctx, "there are 2 pods", Exactly(2, owned))[0]
			f.Patch(ctx, leaver, `{"metadata":{"labels":{"app":"away"}}}`)
			pods.MustReach(ctx, "the relabelled pod is released and replaced", func(now []*corev1.Pod) bool {
				return len(now) == 3 && len(Where(now, owned)) == 2 &&
					len(Where(now, Is(leaver), func(p *corev1.Pod) bool { return metav1.GetControllerOf(p) == nil })) == 1
			})
			f.Patch(ctx, leaver, fmt.Sprintf(`{"metadata":{"labels":{"app":%q}}}`, app))
			pods.MustReach(ctx, "it is back and the surplus has gone", func(now []*corev1.Pod) bool {
				return len(now) == 2 && len(Where(now, owned)) == 2
			})
		}
	})

	f.It("replication/changed-selector-abandons", func(ctx SpecContext) {
		rc := Controller("web", 2, Idle())
		owned := func(p *corev1.Pod) bool { return OwnedBy(p, rc) && Active(p) }
		pods := f.WatchPods(ctx, "")
		f.Create(ctx, rc)
		before := pods.MustReach(ctx, "there are 2 pods", Exactly(2, owned))
		f.Edit(ctx, rc, func() {
			rc.Spec.Selector = map[string]string{"app": "other"}
			rc.Spec.Template.Labels = map[string]string{"app": "other"}
		})
		pods.MustReach(ctx, "the old pods are nobody's and 2 new ones are the controller's", func(now []*corev1.Pod) bool {
			abandoned := Where(now, func(p *corev1.Pod) bool {
				return metav1.GetControllerOf(p) == nil && slices.Contains(Names(before), p.Name)
			})
			return len(now) == 4 && len(abandoned) == 2 && len(Where(now, owned)) == 2
		})
	})

	f.It("replication/owner-and-name", func(ctx SpecContext) {
		for _, controller := range both("web", 2) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			kind := map[bool]string{true: "ReplicaSet", false: "ReplicationController"}[controller.GetName() == "web-rs"]
			version := map[bool]string{true: "apps/v1", false: "v1"}[kind == "ReplicaSet"]
			for _, pod := range pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active)) {
				Expect(pod.Name).To(MatchRegexp("^" + controller.GetName() + "-[a-z0-9]{5}$"))
				Expect(pod.GenerateName).To(Equal(controller.GetName() + "-"))
				Expect(pod.OwnerReferences).To(Equal([]metav1.OwnerReference{{
					APIVersion: version, Kind: kind, Name: controller.GetName(), UID: controller.GetUID(),
					Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
				}}))
			}
		}
	})

	f.It("replication/delete-cascades", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		first, second := ReplicaSet("web", 2, Idle()), ReplicaSet("web", 2, Idle())
		f.Create(ctx, first)
		kept := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		f.Delete(ctx, first, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)})
		f.WaitGone(ctx, first)
		pods.MustReach(ctx, "the pods are orphans", Exactly(2, func(p *corev1.Pod) bool { return metav1.GetControllerOf(p) == nil }))
		pods.MustNever(ctx, "an orphan is removed", func(now []*corev1.Pod) bool { return len(now) != 2 }, Quiet)

		f.Create(ctx, second)
		adopted := pods.MustReach(ctx, "the next ReplicaSet has taken them", Exactly(2, func(p *corev1.Pod) bool { return OwnedBy(p, second) }))
		Expect(Names(adopted)).To(Equal(Names(kept)))
		f.Delete(ctx, second)
		pods.MustReach(ctx, "the pods are gone with their ReplicaSet", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})
})
