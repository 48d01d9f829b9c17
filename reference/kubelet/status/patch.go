package status

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// Patch returns the strategic merge patch that brings the pod to the wanted status, nil if it
// has it. Conditions that are not the agent's stay as the server has them. The patch carries
// the pod's uid, so that it cannot hit a namesake.
func Patch(server *v1.Pod, wanted v1.PodStatus) ([]byte, error) {
	wanted.Conditions = withForeign(wanted.Conditions, server.Status.Conditions)
	if equality.Semantic.DeepEqual(server.Status, wanted) {
		return nil, nil
	}
	before, err := json.Marshal(v1.Pod{Status: server.Status})
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: server.UID}, Status: wanted})
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, v1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("make a patch for pod %s/%s: %w", server.Namespace, server.Name, err)
	}
	return patch, nil
}

// withForeign returns mine with the others' conditions as the server has them.
func withForeign(mine, server []v1.PodCondition) []v1.PodCondition {
	there := map[v1.PodConditionType]bool{}
	out := make([]v1.PodCondition, 0, len(mine)+1)
	for _, c := range mine {
		if owned[c.Type] || endedByUs(c) {
			out = append(out, c)
			there[c.Type] = true
		}
	}
	for _, c := range server {
		if !owned[c.Type] && !there[c.Type] {
			out = append(out, c)
			there[c.Type] = true
		}
	}
	return out
}

// Adopt returns the pod with status as its own, but for the conditions that are not the
// agent's. The agent's memory of what it said is ahead of what its watch shows.
func Adopt(pod *v1.Pod, status *v1.PodStatus) *v1.Pod {
	if status == nil {
		return pod
	}
	out := pod.DeepCopy()
	foreign := pod.Status.Conditions
	out.Status = *status.DeepCopy()
	out.Status.Conditions = withForeign(status.Conditions, foreign)
	out.Status.NominatedNodeName = pod.Status.NominatedNodeName
	if final(pod.Status.Phase) {
		// Another component ended the pod: its word stands.
		out.Status.Phase, out.Status.Reason, out.Status.Message = pod.Status.Phase, pod.Status.Reason, pod.Status.Message
	}
	out.Status.ResourceClaimStatuses = pod.Status.ResourceClaimStatuses
	return out
}
