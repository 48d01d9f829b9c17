package status

import (
	"cmp"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/plan"
)

// The conditions that the agent owns; all others are left as they are.
var owned = map[v1.PodConditionType]bool{
	v1.PodReadyToStartContainers: true, v1.PodInitialized: true, v1.PodReady: true, v1.ContainersReady: true,
	v1.PodResizePending: true, v1.PodResizeInProgress: true,
	v1.PodScheduled: true, v1.AllContainersRestarting: true,
}

// conditions returns the pod's conditions: the agent's own, then those of others. The time of
// a transition changes with the status only.
func conditions(in Input, s v1.PodStatus) []v1.PodCondition {
	return merge(in, conditionsOf(in, s), disruption(in, s))
}

// rejectedConditions are those of a pod that the node never took on: that it was scheduled, and what others say.
func rejectedConditions(in Input) []v1.PodCondition {
	return merge(in, []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionTrue}}, nil)
}

func conditionsOf(in Input, s v1.PodStatus) []v1.PodCondition {
	containersReady := ready(in, s)
	mine := []v1.PodCondition{
		readyToStart(in),
		initializedCondition(in, s),
		gated(in, containersReady),
		containersReady,
		{Type: v1.PodScheduled, Status: v1.ConditionTrue},
	}
	mine = append(mine, in.Resize.conditions(in.Pod.Generation)...)
	if c := restartingAll(in); c != nil {
		mine = append(mine, *c)
	}
	return mine
}

func merge(in Input, mine []v1.PodCondition, disrupted *v1.PodCondition) []v1.PodCondition {
	out := make([]v1.PodCondition, 0, len(mine)+1)
	for _, c := range mine {
		if c.ObservedGeneration == 0 {
			c.ObservedGeneration = in.Pod.Generation
		}
		c.LastTransitionTime = metav1.NewTime(in.Now)
		if old := condition(in.Pod, c.Type); old != nil && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		out = append(out, c)
	}
	if disrupted != nil {
		out = append(out, *disrupted)
	}
	for _, c := range in.Pod.Status.Conditions {
		if !owned[c.Type] && (disrupted == nil || c.Type != v1.DisruptionTarget) {
			out = append(out, c)
		}
	}
	return out
}

// restartingAll tells that all containers are being restarted because one ended as its rules want for that (KEP-5532),
// or that they were; nil in the life of most pods.
func restartingAll(in Input) *v1.PodCondition {
	old := condition(in.Pod, v1.AllContainersRestarting)
	name, code := plan.Trigger(in.Pod, in.State)
	switch {
	case name != "":
		return &v1.PodCondition{Type: v1.AllContainersRestarting, Status: v1.ConditionTrue, Reason: "ContainerExited",
			Message: fmt.Sprintf("Container %s exited with code %d, triggering pod restart", name, code)}
	case old == nil:
		return nil
	case old.Status == v1.ConditionTrue && plan.RoundLeft(in.Pod, in.State):
		return &v1.PodCondition{Type: old.Type, Status: old.Status, Reason: old.Reason, Message: old.Message}
	}
	return &v1.PodCondition{Type: v1.AllContainersRestarting, Status: v1.ConditionFalse}
}

// disruption is the condition of a pod that the agent ends for no fault of the pod's; nil if it does not
// (docs: concepts/workloads/pods/disruptions#pod-disruption-conditions).
func disruption(in Input, s v1.PodStatus) *v1.PodCondition {
	if in.Verdict == nil || in.Verdict.Disruption == "" || !final(s.Phase) {
		return nil
	}
	c := v1.PodCondition{Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: in.Verdict.Disruption, Message: cmp.Or(in.Verdict.Cause, in.Verdict.Message),
		ObservedGeneration: in.Pod.Generation, LastTransitionTime: metav1.NewTime(in.Now)}
	if old := condition(in.Pod, c.Type); old != nil && old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	return &c
}

// endedByUs tells of a condition whether the agent ended the pod by it: others may give the same condition, for other reasons.
func endedByUs(c v1.PodCondition) bool {
	return c.Type == v1.DisruptionTarget && c.Reason == v1.PodReasonTerminationByKubelet
}

func condition(pod *v1.Pod, t v1.PodConditionType) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func truth(b bool) v1.ConditionStatus {
	if b {
		return v1.ConditionTrue
	}
	return v1.ConditionFalse
}

// readyToStart: the pod has its namespaces and its address (KEP-3085).
func readyToStart(in Input) v1.PodCondition {
	sandbox := in.State.Sandbox()
	ok := sandbox != nil && sandbox.Ready && (sandbox.HostNetwork || len(sandbox.IPs) > 0)
	return v1.PodCondition{Type: v1.PodReadyToStartContainers, Status: truth(ok)}
}

func initializedCondition(in Input, s v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodInitialized, Status: v1.ConditionTrue}
	if s.Phase == v1.PodSucceeded {
		c.Reason = "PodCompleted"
		return c
	}
	if plan.Initialized(in.Pod, in.State) {
		return c
	}
	if old := condition(in.Pod, v1.PodInitialized); old != nil && old.Status == v1.ConditionTrue && restartingAll(in) != nil {
		// The containers are started again, the pod is not a new one.
		return c
	}
	var open []string
	for i := range s.InitContainerStatuses {
		if !initDone(&in.Pod.Spec.InitContainers[i], &s.InitContainerStatuses[i], in.State) {
			open = append(open, s.InitContainerStatuses[i].Name)
		}
	}
	if len(open) > 0 {
		c.Status, c.Reason = v1.ConditionFalse, "ContainersNotInitialized"
		c.Message = fmt.Sprintf("containers with incomplete status: %v", open)
	}
	return c
}

// ready is the condition ContainersReady: every app container and sidecar is ready.
func ready(in Input, s v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.ContainersReady, Status: v1.ConditionFalse}
	switch s.Phase {
	case v1.PodSucceeded:
		c.Reason = "PodCompleted"
		return c
	case v1.PodFailed:
		c.Reason = "PodFailed"
		return c
	}
	var unready []string
	for i := range s.InitContainerStatuses {
		if plan.Sidecar(&in.Pod.Spec.InitContainers[i]) && !s.InitContainerStatuses[i].Ready {
			unready = append(unready, s.InitContainerStatuses[i].Name)
		}
	}
	for i := range s.ContainerStatuses {
		if !s.ContainerStatuses[i].Ready {
			unready = append(unready, s.ContainerStatuses[i].Name)
		}
	}
	if len(unready) > 0 {
		c.Reason = "ContainersNotReady"
		c.Message = fmt.Sprintf("containers with unready status: %v", unready)
		return c
	}
	c.Status = v1.ConditionTrue
	return c
}

// gated is the condition Ready: the containers are, and every readiness gate is open.
func gated(in Input, containersReady v1.PodCondition) v1.PodCondition {
	c := containersReady
	c.Type = v1.PodReady
	if c.Status != v1.ConditionTrue {
		return c
	}
	var closed []string
	for _, gate := range in.Pod.Spec.ReadinessGates {
		switch got := condition(in.Pod, gate.ConditionType); {
		case got == nil:
			closed = append(closed, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case got.Status != v1.ConditionTrue:
			closed = append(closed, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, got.Status))
		}
	}
	if len(closed) > 0 {
		c.Status, c.Reason = v1.ConditionFalse, "ReadinessGatesNotReady"
		c.Message = strings.Join(closed, ", ")
	}
	return c
}
