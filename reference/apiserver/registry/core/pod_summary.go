package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podSummary is what one line of `kubectl get pods` tells of the containers.
type podSummary struct {
	ready, total int
	restarts     int
	lastRestart  metav1.Time
	reason       string
}

// nodeLost is the status reason of pods on a node that stopped answering.
const nodeLost = "NodeLost"

// summarize reads a pod's status the way people know it: the init container at work, if there is
// one, else the most telling app container, else the phase.
func summarize(p *corev1.Pod) *podSummary {
	s := &podSummary{total: len(p.Spec.Containers), reason: string(p.Status.Phase)}
	if p.Status.Reason != "" {
		s.reason = p.Status.Reason
	}
	if c := podCondition(&p.Status, corev1.PodScheduled); c != nil && c.Reason == corev1.PodReasonSchedulingGated {
		s.reason = c.Reason
	}
	sidecars := map[string]bool{}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; isSidecar(c) {
			sidecars[c.Name] = true
			s.total++
		}
	}
	initializing := s.readInit(p, sidecars)
	initialized := podCondition(&p.Status, corev1.PodInitialized)
	if !initializing || initialized != nil && initialized.Status == corev1.ConditionTrue {
		s.restarts, s.lastRestart = 0, metav1.Time{}
		for i := range p.Status.InitContainerStatuses {
			if c := &p.Status.InitContainerStatuses[i]; sidecars[c.Name] && i <= s.lastInit(p, sidecars) {
				s.countRestarts(c)
			}
		}
		s.readContainers(p)
	}
	switch {
	case p.DeletionTimestamp != nil && p.Status.Reason == nodeLost:
		s.reason = "Unknown"
	case p.DeletionTimestamp != nil && !podEnded(p):
		s.reason = "Terminating"
	}
	return s
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// pastInit says whether an init container no longer holds up the ones after it.
func pastInit(c *corev1.ContainerStatus, sidecar bool) bool {
	return c.State.Terminated != nil && c.State.Terminated.ExitCode == 0 || sidecar && c.Started != nil && *c.Started
}

// lastInit is the index of the init container that is at work, or of the last one.
func (s *podSummary) lastInit(p *corev1.Pod, sidecars map[string]bool) int {
	for i := range p.Status.InitContainerStatuses {
		if c := &p.Status.InitContainerStatuses[i]; !pastInit(c, sidecars[c.Name]) {
			return i
		}
	}
	return len(p.Status.InitContainerStatuses) - 1
}

// readInit reads the init containers up to the one at work, and says whether there is one.
func (s *podSummary) readInit(p *corev1.Pod, sidecars map[string]bool) bool {
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		s.countRestarts(c)
		if pastInit(c, sidecars[c.Name]) {
			if c.State.Terminated == nil && c.Ready {
				s.ready++
			}
			continue
		}
		switch {
		case c.State.Terminated != nil:
			s.reason = "Init:" + exitReason(c.State.Terminated)
		case c.State.Waiting != nil && c.State.Waiting.Reason != "" && c.State.Waiting.Reason != "PodInitializing":
			s.reason = "Init:" + c.State.Waiting.Reason
		default:
			s.reason = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		return true
	}
	return false
}

// readContainers reads the app containers; of several reasons the first container's wins.
func (s *podSummary) readContainers(p *corev1.Pod) {
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- {
		c := &p.Status.ContainerStatuses[i]
		s.countRestarts(c)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			s.reason = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			s.reason = exitReason(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.reason == "Completed" && running {
		s.reason = "NotReady"
		if c := podCondition(&p.Status, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
			s.reason = "Running"
		}
	}
}

func (s *podSummary) countRestarts(c *corev1.ContainerStatus) {
	s.restarts += int(c.RestartCount)
	if t := c.LastTerminationState.Terminated; t != nil && s.lastRestart.Before(&t.FinishedAt) {
		s.lastRestart = t.FinishedAt
	}
}

// exitReason names how a container ended.
func exitReason(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	default:
		return fmt.Sprintf("ExitCode:%d", t.ExitCode)
	}
}
