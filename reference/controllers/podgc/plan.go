package podgc

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// finishedSurplus returns the finished pods beyond the threshold, evicted ones
// first, then the oldest. A threshold of zero or less keeps all.
func finishedSurplus(pods []*corev1.Pod, threshold int) []*corev1.Pod {
	var finished []*corev1.Pod
	for _, pod := range pods {
		if controller.IsFinished(pod) {
			finished = append(finished, pod)
		}
	}
	surplus := len(finished) - threshold
	if threshold <= 0 || surplus <= 0 {
		return nil
	}
	slices.SortFunc(finished, func(a, b *corev1.Pod) int {
		return cmp.Or(
			-cmp.Compare(rank(a), rank(b)),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return finished[:surplus]
}

func rank(pod *corev1.Pod) int {
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "Evicted" {
		return 1
	}
	return 0
}

// neverScheduled returns the pods that were deleted before they had a node: no
// kubelet is there to confirm their end.
func neverScheduled(pods []*corev1.Pod) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil && pod.Spec.NodeName == "" {
			found = append(found, pod)
		}
	}
	return found
}

// outOfService returns the terminating pods of nodes that an administrator has
// declared dead by the taint node.kubernetes.io/out-of-service (KEP-2268).
func outOfService(pods []*corev1.Pod, nodes map[string]*corev1.Node) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range pods {
		node := nodes[pod.Spec.NodeName]
		if pod.DeletionTimestamp != nil && node != nil && !ready(node) && tainted(node, corev1.TaintNodeOutOfService) {
			found = append(found, pod)
		}
	}
	return found
}

func ready(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func tainted(node *corev1.Node, key string) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
}
