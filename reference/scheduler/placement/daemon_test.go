package placement

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// daemon is a pod as the DaemonSet controller makes it for that node
// (docs: concepts/workloads/controllers/daemonset#taints-and-tolerations).
func daemon(node string) *corev1.Pod {
	pod := aPod("p", pinned(node))
	for key, effect := range map[string]corev1.TaintEffect{
		corev1.TaintNodeNotReady:       corev1.TaintEffectNoExecute,
		corev1.TaintNodeUnreachable:    corev1.TaintEffectNoExecute,
		corev1.TaintNodeDiskPressure:   corev1.TaintEffectNoSchedule,
		corev1.TaintNodeMemoryPressure: corev1.TaintEffectNoSchedule,
		corev1.TaintNodePIDPressure:    corev1.TaintEffectNoSchedule,
		corev1.TaintNodeUnschedulable:  corev1.TaintEffectNoSchedule,
	} {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect})
	}
	return pod
}

// A daemon goes to its node whatever trouble that is in, as far as it tolerates
// it, and to no other.
func TestDaemons(t *testing.T) {
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	no := corev1.TaintEffectNoSchedule
	for name, c := range map[string]struct {
		node *corev1.Node
		want bool
	}{
		"its own":       {aNode("n"), true},
		"another":       {aNode("other"), false},
		"cordoned":      {aNode("n", cordoned, tainted(corev1.TaintNodeUnschedulable, no)), true},
		"pressed":       {aNode("n", tainted(corev1.TaintNodeDiskPressure, no), tainted(corev1.TaintNodeMemoryPressure, no), tainted(corev1.TaintNodePIDPressure, no)), true},
		"evicted":       {aNode("n", tainted(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute), tainted(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)), true},
		"not ready":     {aNode("n", tainted(corev1.TaintNodeNotReady, no)), false},
		"no network":    {aNode("n", tainted(corev1.TaintNodeNetworkUnavailable, no)), false},
		"somebody else": {aNode("n", tainted("example.com/gpu", no)), false},
	} {
		if got := Fits(NewPod(daemon("n")), cluster([]*corev1.Node{c.node}, nil).Node(c.node.Name)); got != c.want {
			t.Errorf("%s: fits %t, want %t", name, got, c.want)
		}
	}
}
