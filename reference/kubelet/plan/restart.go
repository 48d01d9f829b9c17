package plan

import (
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Restarts tells whether a container that ended with the given code is to be started again:
// by its own rules, else its own policy, else the pod's. Init containers of a pod that always
// restarts are retried only on failure, since their end is what the pod waits for.
func Restarts(pod *v1.Pod, c *v1.Container, exitCode int32) bool {
	if ruled(c, exitCode) != "" {
		return true
	}
	policy := pod.Spec.RestartPolicy
	if c.RestartPolicy != nil {
		policy = v1.RestartPolicy(*c.RestartPolicy)
	} else if policy == v1.RestartPolicyAlways && isInit(pod, c) {
		policy = v1.RestartPolicyOnFailure
	}
	switch policy {
	case v1.RestartPolicyNever:
		return false
	case v1.RestartPolicyOnFailure:
		return exitCode != 0
	default:
		return true
	}
}

func matches(codes *v1.ContainerRestartRuleOnExitCodes, code int32) bool {
	if codes == nil {
		return false
	}
	in := slices.Contains(codes.Values, code)
	return in == (codes.Operator == v1.ContainerRestartRuleOnExitCodesOpIn)
}

func isInit(pod *v1.Pod, c *v1.Container) bool {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == c.Name {
			return true
		}
	}
	return false
}

// Finished tells whether nothing of the pod will ever run again: an init container failed for
// good, or every app container ended and none is to be restarted.
func Finished(pod *v1.Pod, state *runtime.Pod) bool {
	if InitFailed(pod, state) {
		return true
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		latest := state.Latest(c.Name)
		switch {
		case latest == nil && Lost(pod, state, c.Name) && !Restarts(pod, c, 137):
		case latest != nil && latest.State == runtime.StateExited && !Restarts(pod, c, latest.ExitCode):
		default:
			return false
		}
	}
	return true
}

// InitFailed tells whether an init container failed and is not retried.
func InitFailed(pod *v1.Pod, state *runtime.Pod) bool {
	if Initialized(pod, state) {
		return false
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		latest := state.Latest(c.Name)
		if latest == nil || latest.State != runtime.StateExited || Sidecar(c) {
			continue
		}
		if latest.ExitCode != 0 && !Restarts(pod, c, latest.ExitCode) {
			return true
		}
	}
	return false
}

// Lost tells whether the API server's last word is that the container had been started,
// while the runtime knows nothing of it: the node lost it, with its state, in between.
func Lost(pod *v1.Pod, state *runtime.Pod, name string) bool {
	status := statusOf(pod, name)
	return status != nil && state.Latest(name) == nil && status.ContainerID != "" &&
		(status.State.Running != nil || status.State.Terminated != nil)
}

// FirstAttempt numbers the instance of a container of which the runtime has none: one more
// than the API server remembers, so that restarts are counted also over the loss of a node's state.
func FirstAttempt(pod *v1.Pod, name string) uint32 {
	status := statusOf(pod, name)
	if status == nil || status.ContainerID == "" {
		return 0
	}
	return uint32(status.RestartCount) + 1
}

func statusOf(pod *v1.Pod, name string) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
