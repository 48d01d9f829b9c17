package statefulsets

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("order", func() {
	f := New()

	f.It("statefulsets/ordered-creation", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, told("web", 3))
		for ordinal := range 3 {
			name := fmt.Sprintf("web-%d", ordinal)
			pods.MustReach(ctx, name+" runs, as the last one so far", func(now []*corev1.Pod) bool {
				pod := pick(now, name)
				return len(now) == ordinal+1 && pod != nil && Running(pod)
			})
			pods.MustNever(ctx, "another pod is made before "+name+" is ready", func(now []*corev1.Pod) bool { return len(now) != ordinal+1 }, Quiet)
			f.TellReady(ctx, true, name)
		}
		pods.MustReach(ctx, "all are ready", allReady("web-0", "web-1", "web-2"))
	})

	f.It("statefulsets/ordered-deletion", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := StatefulSet("web", 3, Pod("web", "sleep", "24h"))
		set.Spec.Template.Finalizers = []string{Hold}
		f.Create(ctx, set)
		for _, pod := range pods.MustReach(ctx, "all are ready", allReady("web-0", "web-1", "web-2")) {
			f.LetGoAfterwards(pod)
		}
		f.Patch(ctx, set, `{"spec":{"replicas":0}}`)
		for ordinal := 2; ordinal >= 0; ordinal-- {
			name := fmt.Sprintf("web-%d", ordinal)
			// The finalizer keeps the pod after its containers have ended.
			ending := pods.MustReach(ctx, name+" is to go", func(now []*corev1.Pod) bool {
				return len(now) == ordinal+1 && now[ordinal].Name == name && now[ordinal].DeletionTimestamp != nil
			})[ordinal]
			pods.MustNever(ctx, "a lower ordinal goes while "+name+" is there", func(now []*corev1.Pod) bool {
				return len(Where(now, Active)) != ordinal || len(now) != ordinal+1
			}, Quiet)
			f.LetGo(ctx, ending)
		}
		pods.MustReach(ctx, "all are gone", none)
	})

	f.It("statefulsets/scaling-halts-on-unready", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := told("web", 2)
		f.Create(ctx, set)
		for _, name := range []string{"web-0", "web-1"} {
			pods.MustReach(ctx, name+" runs", func(now []*corev1.Pod) bool { pod := pick(now, name); return pod != nil && Running(pod) })
			f.TellReady(ctx, true, name)
		}
		pods.MustReach(ctx, "both are ready", allReady("web-0", "web-1"))
		two := func(now []*corev1.Pod) bool { return len(now) != 2 || len(Where(now, Active)) != 2 }

		f.TellReady(ctx, false, "web-0")
		pods.MustReach(ctx, "web-0 is not ready", Exactly(1, Ready))
		f.Patch(ctx, set, `{"spec":{"replicas":3}}`)
		pods.MustNever(ctx, "it grows while web-0 is not ready", two, Quiet)
		f.TellReady(ctx, true, "web-0")
		pods.MustReach(ctx, "the third pod is made", are("web-0", "web-1", "web-2"))

		pods.MustReach(ctx, "web-2 runs", Exactly(3, Running))
		f.TellReady(ctx, true, "web-2")
		pods.MustReach(ctx, "all are ready", allReady("web-0", "web-1", "web-2"))
		f.TellReady(ctx, false, "web-0")
		pods.MustReach(ctx, "web-0 is not ready", Exactly(2, Ready))
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustNever(ctx, "it shrinks while web-0 is not ready", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 3 }, Quiet)
		f.TellReady(ctx, true, "web-0")
		pods.MustReach(ctx, "web-0 alone is left", are("web-0"))
	})

	f.It("statefulsets/parallel", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := parallel("web", 3)
		f.Create(ctx, set)
		pods.MustReach(ctx, "all are made though none is ready", are("web-0", "web-1", "web-2"))
		f.Patch(ctx, set, `{"spec":{"replicas":5}}`)
		pods.MustReach(ctx, "two more are made", are("web-0", "web-1", "web-2", "web-3", "web-4"))
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "the highest four are gone", are("web-0"))
	})

	f.It("statefulsets/min-ready-seconds", func(ctx SpecContext) {
		const wait = 6
		pods := f.WatchPods(ctx, "app=web")
		set := StatefulSet("web", 2, Pod("web", "sleep", "24h"))
		set.Spec.MinReadySeconds = wait
		f.Create(ctx, set)
		first := pods.MustReach(ctx, "web-0 is ready", allReady("web-0"))[0]
		ready := ReadySince(first, pods.ReachedAt())
		pods.MustReach(ctx, "web-1 is made", are("web-0", "web-1"))
		// The condition's time is cut to the second.
		Expect(pods.ReachedAt().Sub(ready)).To(BeNumerically(">=", (wait-2)*time.Second), "time from web-0's readiness to web-1's creation")
		f.WaitUntil(ctx, "both are available", SettleTimeout, available(f, set, 2))
	})

	f.It("statefulsets/start-ordinal", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := parallel("web", 2)
		set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 3}
		f.Create(ctx, set)
		made := pods.MustReach(ctx, "the ordinals begin at 3", are("web-3", "web-4"))
		Expect(made[0].Labels).To(HaveKeyWithValue(appsv1.PodIndexLabel, "3"))
		f.Edit(ctx, set, func() { set.Spec.Ordinals.Start, set.Spec.Replicas = 4, ptr.To[int32](3) })
		moved := pods.MustReach(ctx, "the ordinals begin at 4", are("web-4", "web-5", "web-6"))
		Expect(moved[0].UID).To(Equal(made[1].UID), "the pod that is in both ranges stays")
	})
})
