// Package scheduling judges the area "scheduling".
package scheduling

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// label puts a label of the spec's own on a node until the spec ends, and returns its key.
func label(ctx SpecContext, f *Framework, node string) string {
	GinkgoHelper()
	key := "conformance.etalon.dev/" + f.Namespace
	labelled := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
	mine := *f
	DeferCleanup(func(ctx SpecContext) {
		mine.Patch(ctx, labelled, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, key))
	})
	f.Patch(ctx, labelled, fmt.Sprintf(`{"metadata":{"labels":{%q:"yes"}}}`, key))
	return key
}

// unschedulable says that the scheduler has told that it found no node.
func unschedulable(pod *corev1.Pod) bool {
	condition := PodCondition(pod, corev1.PodScheduled)
	return condition.Status == corev1.ConditionFalse && condition.Reason == corev1.PodReasonUnschedulable
}

func bound(pod *corev1.Pod) bool { return pod.Spec.NodeName != "" }

var _ = Describe("placement", func() {
	f := New()

	f.It("scheduling/binds", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		f.Create(ctx, Pod("web", "sleep", "1h"))
		first := pods.MustReach(ctx, "the pod is bound and scheduled", Exactly(1, func(p *corev1.Pod) bool {
			return bound(p) && PodCondition(p, corev1.PodScheduled).Status == corev1.ConditionTrue
		}))[0]
		Expect(Names(pointers(f.Nodes(ctx)))).To(ContainElement(first.Spec.NodeName))
		pods.MustReach(ctx, "it is ready", Exactly(1, Ready))
		Expect(pods.Now()[0].Spec.NodeName).To(Equal(first.Spec.NodeName))
		err := f.API.CoreV1().Pods(f.Namespace).Bind(ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Target: corev1.ObjectReference{Kind: "Node", Name: "another"}}, metav1.CreateOptions{})
		MustRefuse(err, 409, "already assigned to node")
	})

	f.It("scheduling/no-fit", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		pod := Idle()
		f.Create(ctx, pod)
		waits := pods.MustReach(ctx, "the pod is told to be unschedulable", Exactly(1, unschedulable))[0]
		// Other specs may add a node at any time; how many there are is not asked here.
		Expect(PodCondition(waits, corev1.PodScheduled).Message).To(And(
			MatchRegexp("^0/[0-9]+ nodes are available: "), ContainSubstring("node(s) didn't match Pod's node affinity/selector")))
		event := f.WaitEvent(ctx, pod, "FailedScheduling")
		Expect(event.Type).To(Equal(corev1.EventTypeWarning))
		Expect(event.Message).To(ContainSubstring("node(s) didn't match Pod's node affinity/selector"))
		pods.MustNever(ctx, "the pod is bound", Exactly(1, bound), Quiet)
	})

	f.It("scheduling/node-selector", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		nodes := f.Nodes(ctx)
		chosen := nodes[len(nodes)-1].Name
		key := "conformance.etalon.dev/" + f.Namespace
		pod := Pod("picky", "sleep", "1h")
		pod.Spec.NodeSelector = map[string]string{key: "yes"}
		f.Create(ctx, pod)
		pods.MustReach(ctx, "no node fits yet", Exactly(1, unschedulable))
		label(ctx, f, chosen)
		placed := pods.MustReach(ctx, "it is bound", Exactly(1, bound))[0]
		Expect(placed.Spec.NodeName).To(Equal(chosen))
		pods.MustReach(ctx, "it is ready", Exactly(1, Ready))
	})

	f.It("scheduling/node-name", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0].Name
		pod := Pod("direct", "sleep", "1h")
		pod.Spec.NodeName, pod.Spec.SchedulerName = node, "none-such"
		f.Create(ctx, pod)
		Expect(f.WaitPodReady(ctx, "direct").Spec.NodeName).To(Equal(node))
		for _, event := range f.Events(ctx, pod) {
			Expect(event.Reason).NotTo(Equal("Scheduled"))
		}
	})

	f.It("scheduling/resources", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		for name, request := range map[string]corev1.ResourceList{
			"cpu": {corev1.ResourceCPU: resource.MustParse("100k")}, "memory": {corev1.ResourceMemory: resource.MustParse("1000Ti")},
			"extended": {"example.com/none-such": resource.MustParse("1")},
		} {
			pod := Pod(name, "sleep", "1h")
			pod.Spec.Containers[0].Resources.Requests = request
			pod.Spec.Containers[0].Resources.Limits = request
			f.Create(ctx, pod)
		}
		waits := pods.MustReach(ctx, "no node fits any of the pods", Exactly(3, unschedulable))
		for i, what := range []string{"Insufficient cpu", "Insufficient example.com/none-such", "Insufficient memory"} { // sorted by pod
			Expect(PodCondition(waits[i], corev1.PodScheduled).Message).To(ContainSubstring(what))
		}
		// Requests add up: two pods of which each fits alone do not fit together.
		node := f.Nodes(ctx)[0]
		label(ctx, f, node.Name)
		free := freeCPU(ctx, f, node)
		var larger [2]*corev1.Pod
		for i := range larger {
			larger[i] = Pod(fmt.Sprintf("large-%d", i), "sleep", "1h")
			larger[i].Spec.NodeSelector = map[string]string{"conformance.etalon.dev/" + f.Namespace: "yes"}
			larger[i].Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(free*6/10, resource.DecimalSI)}
		}
		f.Create(ctx, larger[0])
		f.WaitPodReady(ctx, "large-0")
		f.Create(ctx, larger[1])
		pods.MustReach(ctx, "the second waits for room", Exactly(1, func(p *corev1.Pod) bool { return p.Name == "large-1" && unschedulable(p) }))
		f.Delete(ctx, larger[0])
		pods.MustReach(ctx, "the second is bound when the first has gone", Exactly(1, func(p *corev1.Pod) bool { return p.Name == "large-1" && bound(p) }))
	}, Serial)

	f.It("scheduling/taints", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		node := f.Nodes(ctx)[0].Name
		key := "conformance.etalon.dev/" + f.Namespace
		tainted := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
		mine := *f
		DeferCleanup(func(ctx SpecContext) {
			mine.Edit(ctx, tainted, func() {
				tainted.Spec.Taints = Where(tainted.Spec.Taints, func(t corev1.Taint) bool { return t.Key != key })
			})
		})
		f.Edit(ctx, tainted, func() {
			tainted.Spec.Taints = append(tainted.Spec.Taints, corev1.Taint{Key: key, Value: "yes", Effect: corev1.TaintEffectNoSchedule})
		})
		// The pods ask for a label that comes after the taint: a scheduler that sees it knows the taint.
		label(ctx, f, node)
		tolerations := map[string][]corev1.Toleration{
			"intolerant": nil,
			"other":      {{Key: key, Operator: corev1.TolerationOpEqual, Value: "no", Effect: corev1.TaintEffectNoSchedule}},
			"equal":      {{Key: key, Operator: corev1.TolerationOpEqual, Value: "yes", Effect: corev1.TaintEffectNoSchedule}},
			"exists":     {{Key: key, Operator: corev1.TolerationOpExists}},
		}
		for name, tolerated := range tolerations {
			pod := Pod(name, "sleep", "1h")
			pod.Spec.NodeSelector, pod.Spec.Tolerations = map[string]string{key: "yes"}, tolerated
			f.Create(ctx, pod)
		}
		repelled := func(pod *corev1.Pod) bool {
			return unschedulable(pod) && strings.Contains(PodCondition(pod, corev1.PodScheduled).Message, "untolerated taint")
		}
		reached := pods.MustReach(ctx, "two pods are bound, two told of the taint", func(now []*corev1.Pod) bool {
			return len(Where(now, bound)) == 2 && len(Where(now, repelled)) == 2
		})
		Expect(Names(Where(reached, bound))).To(ConsistOf("equal", "exists"))
		pods.MustNever(ctx, "an intolerant pod is bound", func(now []*corev1.Pod) bool { return len(Where(now, bound)) > 2 }, Quiet)
	}, Serial)

	f.It("scheduling/scheduler-name", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		pod := Pod("elsewhere", "sleep", "1h")
		pod.Spec.SchedulerName = "conformance.etalon.dev-none-such"
		f.Create(ctx, pod)
		pods.MustNever(ctx, "the pod is bound or told to be unschedulable", func(now []*corev1.Pod) bool {
			return len(Where(now, bound)) > 0 || len(Where(now, unschedulable)) > 0
		}, Quiet)
	})

	f.It("scheduling/tolerations-added", func(ctx SpecContext) {
		toleration := func(key string, seconds int64) corev1.Toleration {
			return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(seconds)}
		}
		plain, own := Idle(), Idle()
		own.Name, own.Spec.Tolerations = "own", []corev1.Toleration{toleration(corev1.TaintNodeNotReady, 5)}
		f.Create(ctx, plain, own)
		Expect(plain.Spec.Tolerations).To(ConsistOf(toleration(corev1.TaintNodeNotReady, 300), toleration(corev1.TaintNodeUnreachable, 300)))
		Expect(own.Spec.Tolerations).To(ConsistOf(toleration(corev1.TaintNodeNotReady, 5), toleration(corev1.TaintNodeUnreachable, 300)))
	})
})

// freeCPU is what the pods of a node have left of its CPU, in thousandths.
func freeCPU(ctx SpecContext, f *Framework, node corev1.Node) int64 {
	GinkgoHelper()
	list, err := f.API.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
	Expect(err).NotTo(HaveOccurred())
	free := node.Status.Allocatable.Cpu().MilliValue()
	for _, pod := range list.Items {
		if !Ended(&pod) {
			for _, container := range pod.Spec.Containers {
				free -= container.Resources.Requests.Cpu().MilliValue()
			}
		}
	}
	return free
}

func pointers(nodes []corev1.Node) []*corev1.Node {
	all := make([]*corev1.Node, len(nodes))
	for i := range nodes {
		all[i] = &nodes[i]
	}
	return all
}
