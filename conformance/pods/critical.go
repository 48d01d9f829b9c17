package pods

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("critical pods", func() {
	f := New()

	f.It("pods/critical-preempts", func(ctx SpecContext) {
		// What is scarce is a resource that no other spec asks for, so that nobody else's pods have to go.
		unit := "conformance.etalon.dev/" + f.Namespace
		node := &f.Nodes(ctx)[0]
		has := func(ctx context.Context, value string) error {
			status := `{"status":{"capacity":{"` + unit + `":` + value + `},"allocatable":{"` + unit + `":` + value + `}}}`
			return f.TryPatch(ctx, node, types.MergePatchType, status, "status")
		}
		DeferCleanup(func(ctx SpecContext) { Expect(has(ctx, "null")).To(Succeed()) })
		Expect(has(ctx, `"3"`)).To(Succeed())
		asks := func(name, n string) *corev1.Pod {
			pod := Once(name, "sleep", "1h")
			pod.Spec.NodeName = node.Name
			pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceName(unit): resource.MustParse(n)}
			return pod
		}
		small, large, late := asks("small", "1"), asks("large", "2"), asks("late", "2")
		f.Create(ctx, small, large)
		f.WaitPodReady(ctx, "small")
		f.WaitPodReady(ctx, "large")
		f.Create(ctx, late)
		Expect(f.WaitPodFailed(ctx, "late").Status.Reason).To(Equal("OutOf"+unit), "a pod that is not critical")
		critical := asks("critical", "2")
		critical.Spec.PriorityClassName, critical.Spec.Priority = "system-node-critical", nil
		critical.Spec.PreemptionPolicy = ptr.To(corev1.PreemptLowerPriority)
		f.Create(ctx, critical)
		f.WaitPodReady(ctx, "critical")
		ended := f.WaitPodFailed(ctx, "large")
		Expect(ended.Status.Reason).To(Equal("Preempting"))
		Expect(PodCondition(ended, corev1.DisruptionTarget)).To(And(HaveField("Status", corev1.ConditionTrue), HaveField("Reason", corev1.PodReasonTerminationByKubelet)))
		f.WaitEvent(ctx, large, "Preempting")
		f.Get(ctx, small)
		Expect(Ready(small)).To(BeTrue(), "a pod whose end would not have sufficed is ready")
	})
})
