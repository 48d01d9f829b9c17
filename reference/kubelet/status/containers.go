package status

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// containers returns the status of each container, in the order of the specification.
func containers(in Input, specs []v1.Container, init bool) []v1.ContainerStatus {
	var out []v1.ContainerStatus
	for i := range specs {
		s := container(in, &specs[i], init)
		s.AllocatedResourcesStatus = devices(in, specs[i].Name)
		out = append(out, s)
	}
	return out
}

// devices tells how the container's devices are, or last were if it has given them back (KEP-4680).
func devices(in Input, container string) []v1.ResourceStatus {
	if in.Devices != nil {
		if now := in.Devices(container); len(now) > 0 {
			return now
		}
	}
	if old := find(in.Pod, container); old != nil && (in.Ended || final(in.Pod.Status.Phase)) {
		return old.AllocatedResourcesStatus
	}
	return nil
}

// ephemeral returns the status of each ephemeral container. They have no probes, and nobody waits for
// them to start or to be ready.
func ephemeral(in Input) []v1.ContainerStatus {
	var out []v1.ContainerStatus
	for i := range in.Pod.Spec.EphemeralContainers {
		spec := plan.Ephemeral(&in.Pod.Spec.EphemeralContainers[i])
		s := container(in, spec, false)
		if plan.Lost(in.Pod, in.State, spec.Name) {
			// It is not started again, whatever the pod's policy is.
			s.LastTerminationState, s.State = v1.ContainerState{}, v1.ContainerState{Terminated: lost(find(in.Pod, spec.Name))}
		}
		s.Started, s.Ready = nil, false
		out = append(out, s)
	}
	return out
}

func container(in Input, spec *v1.Container, init bool) v1.ContainerStatus {
	old := find(in.Pod, spec.Name)
	s := v1.ContainerStatus{Name: spec.Name, Image: spec.Image, Started: ptr.To(false)}
	latest := in.State.Latest(spec.Name)
	// A first instance that was made and is about to start is worth no write: it runs a moment later, or failed.
	if latest == nil || latest.State == runtime.StateCreated && latest.Attempt == 0 {
		absent(in, spec, old, &s)
		return s
	}
	s.RestartCount = int32(latest.Attempt)
	s.ContainerID = containerID(latest.ID)
	s.ImageID = latest.ImageID
	if latest.Image != "" {
		s.Image = latest.Image
	}
	if previous := in.State.Previous(spec.Name); previous != nil && previous.State == runtime.StateExited {
		s.LastTerminationState.Terminated = terminated(previous)
	} else if old != nil && old.RestartCount == s.RestartCount {
		s.LastTerminationState = old.LastTerminationState
	}
	switch latest.State {
	case runtime.StateRunning:
		s.State.Running = &v1.ContainerStateRunning{StartedAt: metav1.NewTime(latest.StartedAt)}
		s.Started = ptr.To(in.Started[latest.ID])
		s.Ready = in.Started[latest.ID] && in.Ready[latest.ID] && (!init || plan.Sidecar(spec))
	case runtime.StateExited:
		held(in, spec, latest, init, &s)
	default:
		s.State.Waiting = waiting(in, spec.Name)
	}
	s.AllocatedResources = spec.Resources.Requests
	s.Resources = spec.Resources.DeepCopy()
	if in.Resize.Stale[spec.Name] && s.State.Running != nil && old != nil && old.Resources != nil {
		s.Resources = old.Resources
	}
	s.VolumeMounts = mounts(spec, latest)
	if u := latest.User; u != nil && s.State.Running != nil {
		s.User = &v1.ContainerUser{Linux: &v1.LinuxContainerUser{UID: u.UID, GID: u.GID, SupplementalGroups: u.Groups}}
	}
	return s
}

// held shows an ended container: as ended, or as waiting for its next start if something keeps
// it from that.
func held(in Input, spec *v1.Container, ended *runtime.Container, init bool, s *v1.ContainerStatus) {
	done := init && !plan.Sidecar(spec) && ended.ExitCode == 0
	s.Ready = done
	if why, ok := in.Waiting[spec.Name]; ok && !done && !in.Ended {
		s.State.Waiting = &why
		s.LastTerminationState.Terminated = terminated(ended)
		return
	}
	s.State.Terminated = terminated(ended)
}

// absent is a container of which the runtime has no instance: not started yet, or lost.
func absent(in Input, spec *v1.Container, old *v1.ContainerStatus, s *v1.ContainerStatus) {
	if old != nil {
		s.RestartCount, s.ContainerID, s.ImageID = old.RestartCount, old.ContainerID, old.ImageID
		s.LastTerminationState = old.LastTerminationState
	}
	if old != nil && old.State.Terminated != nil && (final(in.Pod.Status.Phase) || in.Ended) {
		s.State, s.Ready = old.State, old.Ready
		return
	}
	if plan.Lost(in.Pod, in.State, spec.Name) {
		gone := lost(old)
		if !in.Ended && plan.RestartingAll(in.Pod, in.State) {
			s.LastTerminationState.Terminated = gone
			s.State.Waiting = waiting(in, spec.Name)
			return
		}
		if in.Ended || !plan.Restarts(in.Pod, spec, gone.ExitCode) {
			s.State.Terminated = gone
			return
		}
		s.LastTerminationState.Terminated = gone
	}
	s.State.Waiting = waiting(in, spec.Name)
}

// lost is the end of a container of which only its last status is known.
func lost(old *v1.ContainerStatus) *v1.ContainerStateTerminated {
	if old.State.Terminated != nil {
		return old.State.Terminated
	}
	gone := unknown()
	gone.ContainerID = old.ContainerID
	return gone
}

// unknown is the end of a container of which nothing is known.
func unknown() *v1.ContainerStateTerminated {
	return &v1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: 137,
		Message: "The container could not be located when the pod was terminated"}
}

// writeOff ends a container that never ran, in a pod that is over: it will not run any more.
func writeOff(s *v1.ContainerStatus) {
	if s.State.Terminated == nil {
		s.State = v1.ContainerState{Terminated: unknown()}
	}
}

func waiting(in Input, name string) *v1.ContainerStateWaiting {
	if why, ok := in.Waiting[name]; ok {
		return &why
	}
	if len(in.Pod.Spec.InitContainers) > 0 {
		return &v1.ContainerStateWaiting{Reason: "PodInitializing"}
	}
	return &v1.ContainerStateWaiting{Reason: "ContainerCreating"}
}

func terminated(c *runtime.Container) *v1.ContainerStateTerminated {
	t := &v1.ContainerStateTerminated{
		ExitCode:    c.ExitCode,
		Reason:      c.Reason,
		Message:     c.Message,
		StartedAt:   metav1.NewTime(c.StartedAt),
		FinishedAt:  metav1.NewTime(c.FinishedAt),
		ContainerID: containerID(c.ID),
	}
	if t.Reason == "" {
		t.Reason = "Error"
		if c.ExitCode == 0 {
			t.Reason = "Completed"
		}
	}
	return t
}

// mounts tells which volumes the container has (KEP-3857).
func mounts(spec *v1.Container, instance *runtime.Container) []v1.VolumeMountStatus {
	var out []v1.VolumeMountStatus
	for _, m := range spec.VolumeMounts {
		status := v1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			status.RecursiveReadOnly = ptr.To(v1.RecursiveReadOnlyDisabled)
			if instance.Recursive[m.MountPath] {
				status.RecursiveReadOnly = ptr.To(v1.RecursiveReadOnlyEnabled)
			}
		}
		if image := instance.ImageMounts[m.MountPath]; image != "" {
			status.VolumeStatus = &v1.VolumeStatus{Image: &v1.ImageVolumeStatus{ImageRef: image}}
		}
		out = append(out, status)
	}
	return out
}

func containerID(id string) string { return "containerd://" + id }

func find(pod *v1.Pod, name string) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
