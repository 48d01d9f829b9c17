package placement

import (
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// nodeUnschedulable keeps pods off cordoned nodes, unless they tolerate the taint that stands
// for it, as DaemonSet pods do.
type nodeUnschedulable struct{}

var unschedulableTaint = corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}

func (nodeUnschedulable) Name() string { return "NodeUnschedulable" }

func (nodeUnschedulable) Passes(pod *Pod, node *Node) bool {
	return !node.Object.Spec.Unschedulable ||
		schedulingv1.TolerationsTolerateTaint(klog.Background(), pod.Object.Spec.Tolerations, &unschedulableTaint, true)
}

func (nodeUnschedulable) Explain(*Pod, *Node) Refusal {
	return Refusal{Reasons: []string{"node(s) were unschedulable"}, Final: true}
}
