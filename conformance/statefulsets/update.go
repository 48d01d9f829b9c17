package statefulsets

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// atLeast is the invariant that so many pods are ready.
func atLeast(least int) func([]*corev1.Pod) string {
	return func(pods []*corev1.Pod) string {
		if ready := Where(pods, Ready, Active); len(ready) < least {
			return fmt.Sprintf("%d ready pods, fewer than %d: %v", len(ready), least, Names(ready))
		}
		return ""
	}
}

var _ = Describe("updates", func() {
	f := New()

	// start makes a StatefulSet of 3 pods and waits until they are ready.
	start := func(ctx SpecContext, change func(*appsv1.StatefulSet)) (*appsv1.StatefulSet, *Observer[*corev1.Pod]) {
		GinkgoHelper()
		pods := f.WatchPods(ctx, "app=web")
		set := StatefulSet("web", 3, Pod("web", "sleep", "24h"))
		change(set)
		f.Create(ctx, set)
		pods.MustReach(ctx, "all are ready", newest("web-0: web-1: web-2:"))
		return set, pods
	}
	// update gives the StatefulSet another template.
	update := func(ctx SpecContext, set *appsv1.StatefulSet, generation string) {
		GinkgoHelper()
		f.Edit(ctx, set, func() { ChangeTemplate(&set.Spec.Template, generation) })
	}

	f.It("statefulsets/rolling-update", func(ctx SpecContext) {
		set, pods := start(ctx, func(*appsv1.StatefulSet) {})
		pods.Throughout(ctx, "at least 2 ready pods", atLeast(2))
		pods.Throughout(ctx, "no pod is replaced before all above it are new and ready", func(now []*corev1.Pod) string {
			for i, pod := range now {
				if generation(pod) != "2" && Active(pod) {
					continue
				}
				for _, above := range now[i+1:] {
					if generation(above) != "2" || !Ready(above) || !Active(above) {
						return fmt.Sprintf("%s goes or is new while %s is not new and ready", pod.Name, above.Name)
					}
				}
			}
			return ""
		})
		update(ctx, set, "2")
		pods.MustReach(ctx, "web-2 is new", newest("web-0: web-1: web-2:2"))
		pods.MustReach(ctx, "web-1 is new", newest("web-0: web-1:2 web-2:2"))
		pods.MustReach(ctx, "web-0 is new", newest("web-0:2 web-1:2 web-2:2"))
	})

	f.It("statefulsets/partition", func(ctx SpecContext) {
		set, pods := start(ctx, func(set *appsv1.StatefulSet) {
			set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType,
				RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32)}}
			*set.Spec.UpdateStrategy.RollingUpdate.Partition = 2
		})
		update(ctx, set, "2")
		staged := pods.MustReach(ctx, "web-2 alone is new", newest("web-0: web-1: web-2:2"))
		pods.MustNever(ctx, "a pod below the partition is updated", func(now []*corev1.Pod) bool { return generations(now) != "web-0: web-1: web-2:2" }, Quiet)
		f.Delete(ctx, staged[0])
		pods.MustReach(ctx, "web-0 is back, and old", func(now []*corev1.Pod) bool {
			return newest("web-0: web-1: web-2:2")(now) && now[0].UID != staged[0].UID
		})
		f.Patch(ctx, set, `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}`)
		pods.MustReach(ctx, "all are new", newest("web-0:2 web-1:2 web-2:2"))
	})

	f.It("statefulsets/max-unavailable", func(ctx SpecContext) {
		most := intstr.FromInt32(2)
		pods := f.WatchPods(ctx, "app=web")
		set := StatefulSet("web", 4, Pod("web", "sleep", "24h"))
		set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
		set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType,
			RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: &most}}
		f.Create(ctx, set)
		Expect(set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable).To(HaveValue(Equal(most)), "the field is dropped: the cluster has the feature off")
		pods.MustReach(ctx, "all are ready", newest("web-0: web-1: web-2: web-3:"))
		pods.Throughout(ctx, "at least 2 ready pods", atLeast(2))
		f.Edit(ctx, set, func() {
			ChangeTemplate(&set.Spec.Template, "2")
			ReadyWhenTold(&set.Spec.Template.Spec)
		})
		pods.MustReach(ctx, "the upper two are new and wait", func(now []*corev1.Pod) bool {
			return generations(now) == "web-0: web-1: web-2:2 web-3:2" && len(Where(now, Running, Active)) == 4
		})
		pods.MustNever(ctx, "a third is taken", func(now []*corev1.Pod) bool { return generations(now) != "web-0: web-1: web-2:2 web-3:2" }, Quiet)
		f.TellReady(ctx, true, "web-2", "web-3")
		pods.MustReach(ctx, "the lower two are new and wait", func(now []*corev1.Pod) bool {
			return generations(now) == "web-0:2 web-1:2 web-2:2 web-3:2" && len(Where(now, Running, Active)) == 4
		})
		f.TellReady(ctx, true, "web-0", "web-1")
		pods.MustReach(ctx, "all are new and ready", newest("web-0:2 web-1:2 web-2:2 web-3:2"))
	})

	f.It("statefulsets/on-delete", func(ctx SpecContext) {
		set, pods := start(ctx, func(set *appsv1.StatefulSet) { set.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType })
		update(ctx, set, "2")
		pods.MustNever(ctx, "a pod is replaced", func(now []*corev1.Pod) bool { return generations(now) != "web-0: web-1: web-2:" }, Quiet)
		f.Delete(ctx, pods.Now()[1])
		pods.MustReach(ctx, "web-1 alone is new", newest("web-0: web-1:2 web-2:"))
		pods.MustNever(ctx, "another pod is replaced", func(now []*corev1.Pod) bool { return generations(now) != "web-0: web-1:2 web-2:" }, Quiet)
	})

	f.It("statefulsets/stuck-update-halts", func(ctx SpecContext) {
		set, pods := start(ctx, func(*appsv1.StatefulSet) {})
		pods.Throughout(ctx, "at least 2 ready pods", atLeast(2))
		f.Edit(ctx, set, func() {
			ChangeTemplate(&set.Spec.Template, "broken")
			ReadyWhenTold(&set.Spec.Template.Spec)
		})
		broken := pods.MustReach(ctx, "web-2 is broken", func(now []*corev1.Pod) bool {
			return generations(now) == "web-0: web-1: web-2:broken" && Running(now[2])
		})[2]
		pods.MustNever(ctx, "the update goes on", func(now []*corev1.Pod) bool { return generations(now) != "web-0: web-1: web-2:broken" }, Quiet)
		f.Edit(ctx, set, func() {
			ChangeTemplate(&set.Spec.Template, "mended")
			set.Spec.Template.Spec.ReadinessGates = nil
		})
		// Whether the broken pod is replaced by itself is the implementation's; that it may be deleted is promised.
		if err := f.TryDelete(ctx, broken); err != nil {
			MustBeMissing(err)
		}
		pods.MustReach(ctx, "all are mended", newest("web-0:mended web-1:mended web-2:mended"))
	})
})
