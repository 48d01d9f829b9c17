package resources

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// wanting is a pod that wants so many of the resource.
func wanting(name string, kind corev1.ResourceName, count string, args ...string) *corev1.Pod {
	if len(args) == 0 {
		args = []string{"sleep", "1h"}
	}
	pod := Pod(name, args...)
	pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{kind: resource.MustParse(count)}
	return pod
}

// has is the condition that of the resource the watched node has so many that can be had, of so many in all.
func has(kind corev1.ResourceName, allocatable, capacity int64) func([]*corev1.Node) bool {
	return func(nodes []*corev1.Node) bool {
		if len(nodes) != 1 {
			return false
		}
		all, known := nodes[0].Status.Capacity[kind]
		some, can := nodes[0].Status.Allocatable[kind]
		return known && can && all.Value() == capacity && some.Value() == allocatable
	}
}

// lacking is the condition that the watched pod waits for more of the resource.
func lacking(kind corev1.ResourceName) func([]*corev1.Pod) bool {
	return one(func(p *corev1.Pod) bool {
		scheduled := PodCondition(p, corev1.PodScheduled)
		return p.Status.Phase == corev1.PodPending && scheduled.Reason == corev1.PodReasonUnschedulable && strings.Contains(scheduled.Message, "Insufficient "+string(kind))
	})
}

// advertise gives the node so many of a resource of the spec's own, as an administrator does, and waits until pods can have them.
func advertise(ctx context.Context, f *Framework, node *corev1.Node, count int64) corev1.ResourceName {
	GinkgoHelper()
	kind := corev1.ResourceName("etalon.dev/" + f.Namespace)
	path := "/status/capacity/" + strings.ReplaceAll(string(kind), "/", "~1")
	nodes := f.WatchNode(ctx, node.Name)
	Expect(f.TryPatch(ctx, node, types.JSONPatchType, fmt.Sprintf(`[{"op":"add","path":%q,"value":"%d"}]`, path, count), "status")).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(f.TryPatch(ctx, node, types.JSONPatchType, fmt.Sprintf(`[{"op":"remove","path":%q}]`, path), "status")).To(Succeed())
	}, NodeTimeout(CleanUpTimeout))
	nodes.MustReach(ctx, fmt.Sprintf("%d of %s can be had", count, kind), has(kind, count, count))
	return kind
}

var _ = Describe("extended resources", func() {
	f := New()

	f.It("resources/extended-advertised", func(ctx SpecContext) {
		kind := advertise(ctx, f, &f.Nodes(ctx)[0], 3)
		f.Create(ctx, wanting("first", kind, "2"))
		f.WaitPodReady(ctx, "first")
		watched := f.WatchPod(ctx, "second")
		f.Create(ctx, wanting("second", kind, "2"))
		watched.MustReach(ctx, "it waits for more", lacking(kind))
		f.Delete(ctx, Pod("first"))
		watched.MustReach(ctx, "it is ready", one(Ready))
	})

	f.It("resources/extended-too-many", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0]
		kind := advertise(ctx, f, &node, 2)
		pod := wanting("p", kind, "3")
		pod.Spec.NodeName = node.Name
		f.Create(ctx, pod)
		failed := f.WaitPodFailed(ctx, "p")
		Expect(failed.Status.Reason).To(Equal("OutOf" + string(kind)))
		Expect(failed.Status.Message).To(ContainSubstring("Node didn't have enough resource: " + string(kind)))
	})
})
