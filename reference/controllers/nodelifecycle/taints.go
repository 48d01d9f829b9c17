package nodelifecycle

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// managedKeys are the taints that follow from a node's conditions, and from its
// being cordoned. A taint of such a key is this controller's to add and remove.
var managedKeys = map[string]bool{
	corev1.TaintNodeNotReady:           true,
	corev1.TaintNodeUnreachable:        true,
	corev1.TaintNodeUnschedulable:      true,
	corev1.TaintNodeMemoryPressure:     true,
	corev1.TaintNodeDiskPressure:       true,
	corev1.TaintNodePIDPressure:        true,
	corev1.TaintNodeNetworkUnavailable: true,
}

// noSchedule returns the keys of the NoSchedule taints the node should have.
func noSchedule(node *corev1.Node) []string {
	var keys []string
	add := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, key string) {
		if c := condition(node, kind); c != nil && c.Status == status {
			keys = append(keys, key)
		}
	}
	add(corev1.NodeReady, corev1.ConditionFalse, corev1.TaintNodeNotReady)
	add(corev1.NodeReady, corev1.ConditionUnknown, corev1.TaintNodeUnreachable)
	add(corev1.NodeMemoryPressure, corev1.ConditionTrue, corev1.TaintNodeMemoryPressure)
	add(corev1.NodeDiskPressure, corev1.ConditionTrue, corev1.TaintNodeDiskPressure)
	add(corev1.NodePIDPressure, corev1.ConditionTrue, corev1.TaintNodePIDPressure)
	add(corev1.NodeNetworkUnavailable, corev1.ConditionTrue, corev1.TaintNodeNetworkUnavailable)
	if node.Spec.Unschedulable {
		keys = append(keys, corev1.TaintNodeUnschedulable)
	}
	return keys
}

// noExecute returns the key of the NoExecute taint the node should have; none if
// it is ready, or has not said yet whether it is.
func noExecute(node *corev1.Node) string {
	ready := condition(node, corev1.NodeReady)
	switch {
	case ready == nil:
	case ready.Status == corev1.ConditionFalse:
		return corev1.TaintNodeNotReady
	case ready.Status == corev1.ConditionUnknown:
		return corev1.TaintNodeUnreachable
	}
	return ""
}

// taints returns the taints the node should have: those that are not managed
// here, the NoSchedule ones of the keys, and if evict is not empty a NoExecute
// one of that key. Taints that are there already keep the time they were added.
func taints(node *corev1.Node, schedule []string, evict string, now time.Time) []corev1.Taint {
	wanted := func(t corev1.Taint) bool {
		switch t.Effect {
		case corev1.TaintEffectNoSchedule:
			return slices.Contains(schedule, t.Key)
		case corev1.TaintEffectNoExecute:
			return t.Key == evict
		}
		return true
	}
	kept := slices.DeleteFunc(slices.Clone(node.Spec.Taints), func(t corev1.Taint) bool {
		return managedKeys[t.Key] && !wanted(t)
	})
	add := func(key string, effect corev1.TaintEffect) {
		if !has(kept, key, effect) {
			kept = append(kept, corev1.Taint{Key: key, Effect: effect, TimeAdded: &metav1.Time{Time: now}})
		}
	}
	for _, key := range schedule {
		add(key, corev1.TaintEffectNoSchedule)
	}
	if evict != "" {
		add(evict, corev1.TaintEffectNoExecute)
	}
	return kept
}

func has(taints []corev1.Taint, key string, effect corev1.TaintEffect) bool {
	return slices.ContainsFunc(taints, func(t corev1.Taint) bool { return t.Key == key && t.Effect == effect })
}

// sameTaints compares keys and effects, which is all that is changed here.
func sameTaints(a, b []corev1.Taint) bool {
	return slices.EqualFunc(a, b, func(x, y corev1.Taint) bool { return x.Key == y.Key && x.Effect == y.Effect })
}
