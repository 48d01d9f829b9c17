package status

import v1 "k8s.io/api/core/v1"

// Resize is how far a change of a pod's resources is (KEP-1287).
type Resize struct {
	// PendingReason, if not empty, is why the node has not agreed to what the pod asks for.
	PendingReason, PendingMessage string
	// Generation is that of the pod when the change was agreed to that is being made, 0 if there is none.
	Generation int64
	// Error is why it could not be made yet.
	Error string
	// Stale are the containers, by name, that do not have their resources yet.
	Stale map[string]bool
}

// conditions are there only while they are true.
func (r Resize) conditions(generation int64) []v1.PodCondition {
	var out []v1.PodCondition
	if r.PendingReason != "" {
		out = append(out, v1.PodCondition{Type: v1.PodResizePending, Status: v1.ConditionTrue,
			Reason: r.PendingReason, Message: r.PendingMessage, ObservedGeneration: generation})
	}
	if r.Generation != 0 {
		c := v1.PodCondition{Type: v1.PodResizeInProgress, Status: v1.ConditionTrue, ObservedGeneration: r.Generation}
		if r.Error != "" {
			c.Reason, c.Message = v1.PodReasonError, r.Error
		}
		out = append(out, c)
	}
	return out
}
