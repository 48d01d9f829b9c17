package status

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// phase is the pod's phase (docs: pod-lifecycle, "Pod phase"). A final phase is kept, and one
// is entered only when nothing runs any more: a pod that is Succeeded or Failed holds no
// resources.
func phase(in Input, s v1.PodStatus) v1.PodPhase {
	if final(in.Pod.Status.Phase) {
		return in.Pod.Status.Phase
	}
	if in.Ended {
		return outcome(in, s)
	}
	if !initialized(in, s) {
		return v1.PodPending
	}
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		if c.State.Waiting != nil && c.LastTerminationState.Terminated == nil {
			return v1.PodPending
		}
	}
	return v1.PodRunning
}

// outcome is the final phase of a pod of which nothing runs any more: Succeeded if every app
// container ended well, else Failed.
func outcome(in Input, s v1.PodStatus) v1.PodPhase {
	if in.Verdict != nil || plan.InitFailed(in.Pod, in.State) {
		return v1.PodFailed
	}
	for i := range s.ContainerStatuses {
		if t := s.ContainerStatuses[i].State.Terminated; t == nil || t.ExitCode != 0 {
			return v1.PodFailed
		}
	}
	return v1.PodSucceeded
}

// initialized tells whether all init containers did their work: ended well, or run and have
// started. What an app container's start once proved stays true.
func initialized(in Input, s v1.PodStatus) bool {
	if plan.Initialized(in.Pod, in.State) {
		return true
	}
	for i := range s.InitContainerStatuses {
		if !initDone(&in.Pod.Spec.InitContainers[i], &s.InitContainerStatuses[i], in.State) {
			return false
		}
	}
	return true
}

func initDone(spec *v1.Container, s *v1.ContainerStatus, state *runtime.Pod) bool {
	if plan.Sidecar(spec) {
		return s.Started != nil && *s.Started
	}
	if t := s.State.Terminated; t == nil || t.ExitCode != 0 {
		return false
	}
	// An end in a sandbox that is gone does not count: the container runs again.
	latest, sandbox := state.Latest(spec.Name), state.Sandbox()
	return latest == nil || sandbox == nil || latest.SandboxID == sandbox.ID
}
