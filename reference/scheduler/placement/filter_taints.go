package placement

import (
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// taintToleration keeps pods off nodes with a NoSchedule or NoExecute taint that they do not
// tolerate, and ranks nodes by PreferNoSchedule taints
// (docs: concepts/scheduling-eviction/taint-and-toleration).
type taintToleration struct{}

func (taintToleration) Name() string { return "TaintToleration" }

func (taintToleration) Passes(pod *Pod, node *Node) bool {
	for i := range node.Object.Spec.Taints {
		t := &node.Object.Spec.Taints[i]
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(pod, t) {
			return false
		}
	}
	return true
}

func (taintToleration) Explain(*Pod, *Node) Refusal {
	return Refusal{Reasons: []string{"node(s) had untolerated taint(s)"}, Final: true}
}

func (taintToleration) Weight() int64 { return 3 }

// Score prefers nodes with fewer soft taints that the pod does not tolerate.
func (taintToleration) Score(_ *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool {
	for i, n := range nodes {
		for t := range n.Object.Spec.Taints {
			taint := &n.Object.Spec.Taints[t]
			if taint.Effect == corev1.TaintEffectPreferNoSchedule && !tolerates(pod, taint) {
				scores[i]++
			}
		}
	}
	normalise(scores, lessIsBetter)
	return true
}

func tolerates(pod *Pod, taint *corev1.Taint) bool {
	return schedulingv1.TolerationsTolerateTaint(klog.Background(), pod.Object.Spec.Tolerations, taint, true)
}
