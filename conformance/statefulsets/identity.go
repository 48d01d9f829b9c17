package statefulsets

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("identity", func() {
	f := New()

	f.It("statefulsets/identity", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := parallel("web", 2)
		set.Spec.ServiceName = "peers"
		f.Create(ctx, set)
		for ordinal, pod := range pods.MustReach(ctx, "both are made", are("web-0", "web-1")) {
			name := fmt.Sprintf("web-%d", ordinal)
			Expect(pod.Labels).To(HaveKeyWithValue(appsv1.StatefulSetPodNameLabel, name))
			Expect(pod.Labels).To(HaveKeyWithValue(appsv1.PodIndexLabel, fmt.Sprint(ordinal)))
			Expect(pod.Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, MatchRegexp("^web-")))
			Expect(pod.Spec.Hostname).To(Equal(name))
			Expect(pod.Spec.Subdomain).To(Equal("peers"))
			Expect(pod.OwnerReferences).To(Equal([]metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: set.UID, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}}))
		}
	})

	f.It("statefulsets/hostname-in-pod", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, StatefulSet("web", 2, Pod("web", "sleep", "24h")))
		first := pods.MustReach(ctx, "both are ready", allReady("web-0", "web-1"))[1]
		Expect(f.MustExec(ctx, "web-1", "", "/tool", "hostname")).To(Equal("web-1"))
		f.Delete(ctx, first)
		pods.MustReach(ctx, "web-1 is back and ready", func(now []*corev1.Pod) bool {
			return allReady("web-0", "web-1")(now) && now[1].UID != first.UID
		})
		Expect(f.MustExec(ctx, "web-1", "", "/tool", "hostname")).To(Equal("web-1"))
	})

	f.It("statefulsets/returns-by-name", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := parallel("web", 2)
		set.Spec.Template.Finalizers = []string{Hold}
		f.Create(ctx, set)
		before := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		for _, pod := range before {
			f.LetGoAfterwards(pod)
		}
		f.Delete(ctx, before[0])
		pods.MustNever(ctx, "the pod is replaced while it is there", func(now []*corev1.Pod) bool { return len(now) != 2 || now[0].UID != before[0].UID }, Quiet)
		f.LetGo(ctx, before[0])
		now := pods.MustReach(ctx, "web-0 is back", func(now []*corev1.Pod) bool { return are("web-0", "web-1")(now) && now[0].UID != before[0].UID })
		f.LetGoAfterwards(now[0])
		Expect(now[1].UID).To(Equal(before[1].UID), "web-1 is the same pod still")
	})

	f.It("statefulsets/failed-pod-returns", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, parallel("web", 2))
		before := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		f.Patch(ctx, before[0], `{"status":{"phase":"Failed","reason":"Evicted","message":"the spec says so"}}`, "status")
		pods.MustReach(ctx, "web-0 is made anew", func(now []*corev1.Pod) bool { return are("web-0", "web-1")(now) && now[0].UID != before[0].UID })
		Expect(pods.Now()[1].UID).To(Equal(before[1].UID), "web-1 is the same pod still")
	})

	f.It("statefulsets/name-taken", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		stranger := Idle()
		stranger.Name, stranger.Labels = "web-0", map[string]string{"app": "stranger"}
		f.Create(ctx, stranger)
		pods.MustReach(ctx, "the stranger is there", Exactly(1, Is(stranger)))
		set := StatefulSet("web", 1, Idle())
		f.Create(ctx, set)
		pods.MustNever(ctx, "the stranger is taken, changed or removed", func(now []*corev1.Pod) bool {
			return len(now) != 1 || now[0].UID != stranger.UID || len(now[0].OwnerReferences) > 0 || now[0].DeletionTimestamp != nil
		}, Quiet)
		f.Delete(ctx, stranger)
		pods.MustReach(ctx, "the StatefulSet has its pod", Exactly(1, func(p *corev1.Pod) bool { return p.Name == "web-0" && OwnedBy(p, set) }))
	})

	f.It("statefulsets/delete-cascades", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		first, second := parallel("web", 2), parallel("web", 2)
		f.Create(ctx, first)
		kept := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		f.Delete(ctx, first, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)})
		f.WaitGone(ctx, first)
		pods.MustReach(ctx, "the pods are orphans", Exactly(2, func(p *corev1.Pod) bool { return metav1.GetControllerOf(p) == nil }))
		f.Create(ctx, second)
		adopted := pods.MustReach(ctx, "the next StatefulSet has taken them", Exactly(2, func(p *corev1.Pod) bool { return OwnedBy(p, second) }))
		Expect(adopted[0].UID).To(Equal(kept[0].UID))
		f.Delete(ctx, second)
		pods.MustReach(ctx, "they are gone with it", none)
	})

	f.It("statefulsets/events", func(ctx SpecContext) {
		set := parallel("web", 1)
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, set)
		pods.MustReach(ctx, "the pod is made", are("web-0"))
		Expect(f.WaitEvent(ctx, set, "SuccessfulCreate").Message).To(ContainSubstring("web-0"))
		f.Patch(ctx, set, `{"spec":{"replicas":0}}`)
		Expect(f.WaitEvent(ctx, set, "SuccessfulDelete").Message).To(ContainSubstring("web-0"))
	})
})
