package nodelifecycle

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// health is what is remembered of a node between two looks at it.
type health struct {
	uid       types.UID // the node's: another one may take its name
	alive     time.Time // when a sign of life was last seen, by our own clock
	renewed   time.Time // the Lease's renew time then
	heartbeat time.Time // the Ready condition's heartbeat then
	ready     corev1.ConditionStatus
	sick      time.Time // since when the node is not ready, as far as is known; zero if it is
	// unmarked says that the node has become not ready and its pods have not been
	// marked yet.
	unmarked bool
}

// observe notes the signs of life of the node and its Lease, which is nil if
// there is none. Only that they change counts, not what they say: the clocks of
// nodes need not agree with ours.
func (h *health) observe(node *corev1.Node, lease *coordinationv1.Lease, now time.Time) {
	var renewed, heartbeat time.Time
	if lease != nil && lease.Spec.RenewTime != nil {
		renewed = lease.Spec.RenewTime.Time
	}
	if ready := condition(node, corev1.NodeReady); ready != nil {
		heartbeat = ready.LastHeartbeatTime.Time
	}
	if h.alive.IsZero() || renewed.After(h.renewed) || heartbeat.After(h.heartbeat) {
		h.alive = now
	}
	h.renewed, h.heartbeat = renewed, heartbeat
}

// turn notes whether the node is ready now, and reports whether it has ceased to
// be. A node that is Unknown at first sight counts as having ceased: nobody may
// have seen to its pods.
func (h *health) turn(node *corev1.Node, at time.Time) (ceased bool) {
	now := readiness(node)
	ceased = h.ready == corev1.ConditionTrue && now != corev1.ConditionTrue
	if ceased || h.ready == "" && now == corev1.ConditionUnknown {
		h.unmarked = true
	}
	switch {
	case now == corev1.ConditionTrue:
		h.unmarked, h.sick = false, time.Time{}
	case h.sick.IsZero():
		h.sick = at
	}
	h.ready = now
	return ceased
}

// readiness is the status of the node's Ready condition; Unknown if it has none.
func readiness(node *corev1.Node) corev1.ConditionStatus {
	if ready := condition(node, corev1.NodeReady); ready != nil {
		return ready.Status
	}
	return corev1.ConditionUnknown
}

func condition(node *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// heartbeatConditions are the conditions that only the node itself can know.
var heartbeatConditions = []corev1.NodeConditionType{
	corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
}

// silenced returns the node's conditions as they are once it has fallen silent,
// and whether they differ from those it has.
func silenced(node *corev1.Node, now time.Time) ([]corev1.NodeCondition, bool) {
	conditions := append([]corev1.NodeCondition(nil), node.Status.Conditions...)
	changed := false
	for _, kind := range heartbeatConditions {
		found := false
		for i := range conditions {
			c := &conditions[i]
			if c.Type != kind {
				continue
			}
			found = true
			if c.Status != corev1.ConditionUnknown {
				c.Status, c.Reason, c.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
				c.LastTransitionTime = metav1.NewTime(now)
				changed = true
			}
		}
		if !found {
			conditions = append(conditions, corev1.NodeCondition{
				Type: kind, Status: corev1.ConditionUnknown, Reason: "NodeStatusNeverUpdated",
				Message: "Kubelet never posted node status.", LastHeartbeatTime: node.CreationTimestamp,
				LastTransitionTime: metav1.NewTime(now),
			})
			changed = true
		}
	}
	return conditions, changed
}
