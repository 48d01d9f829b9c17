package placement

import (
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func seed(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }

// The messages are what users of kube-scheduler v1.37 read in kubectl describe.
func TestWhyAPodFitsNowhere(t *testing.T) {
	plain := func(name string) *corev1.Node { return aNode(name) }
	full := aPod("full", requesting(amounts("3500m", "1Gi")), priority(0))
	for name, c := range map[string]struct {
		nodes  []*corev1.Node
		placed map[string][]*corev1.Pod
		pod    *corev1.Pod
		want   string
	}{
		"no nodes": {pod: aPod("p"), want: "no nodes available to schedule pods"},
		"used up and tainted": {
			nodes:  []*corev1.Node{aNode("a"), aNode("b", tainted("k", corev1.TaintEffectNoSchedule))},
			placed: map[string][]*corev1.Pod{"a": {full}},
			pod:    aPod("p", requesting(amounts("1", "1Gi"))),
			want:   "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
		},
		"more than any node has": {
			nodes: numbered(2, plain), pod: aPod("p", requesting(amounts("64", "64Gi"))),
			want: "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		},
		"too many pods, ports, extended resource": {
			nodes: []*corev1.Node{
				aNode("a", func(n *corev1.Node) {
					n.Status.Allocatable[corev1.ResourcePods] = *ptr.To(n.Status.Allocatable.Pods().DeepCopy())
					n.Status.Allocatable["pods"] = list(map[corev1.ResourceName]string{"pods": "1"})["pods"]
				}),
				aNode("b"), aNode("c", func(n *corev1.Node) {
					n.Status.Allocatable["example.com/gpu"] = list(map[corev1.ResourceName]string{"x": "1"})["x"]
				}),
			},
			placed: map[string][]*corev1.Pod{"a": {aPod("one")}, "b": {aPod("two", hostPortOf(80, "", ""))}, "c": {aPod("three", requesting(map[corev1.ResourceName]string{"example.com/gpu": "1"}))}},
			pod:    aPod("p", hostPortOf(80, "", ""), requesting(map[corev1.ResourceName]string{"example.com/gpu": "1"})),
			want:   "0/3 nodes are available: 1 Too many pods, 1 node(s) didn't have free ports for the requested pod ports, 2 Insufficient example.com/gpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
		},
		"cordoned and selector": {
			nodes: []*corev1.Node{aNode("a", func(n *corev1.Node) { n.Spec.Unschedulable = true }), aNode("b")},
			pod:   aPod("p", selecting("disk", "ssd")),
			want:  "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		},
		"pinned": {
			nodes: []*corev1.Node{aNode("a", tainted("k", corev1.TaintEffectNoExecute)), aNode("b"), aNode("c")}, pod: aPod("p", pinned("a")),
			want: "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
		},
		"never preempts": {
			nodes: numbered(1, plain), placed: map[string][]*corev1.Pod{"node-1": {full}},
			pod:  aPod("p", requesting(amounts("1", "1Gi")), priority(9), func(p *corev1.Pod) { p.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever) }),
			want: "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
		},
		"eviction would help": {
			nodes: numbered(1, plain), placed: map[string][]*corev1.Pod{"node-1": {full}},
			pod:  aPod("p", requesting(amounts("1", "1Gi")), priority(9)),
			want: "0/1 nodes are available: 1 Insufficient cpu.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			node, err := Schedule(cluster(c.nodes, c.placed), NewPod(c.pod), seed(1))
			if err == nil {
				t.Fatalf("went to %s", node)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}
