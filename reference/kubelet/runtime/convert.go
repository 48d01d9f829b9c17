package runtime

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// IsNotFound tells whether the runtime said that what we asked for is gone.
func IsNotFound(err error) bool {
	s, ok := status.FromError(err)
	return ok && err != nil && s.Code() == codes.NotFound
}

func sandboxOf(s *criv1.PodSandboxStatus) Sandbox {
	out := Sandbox{
		ID:          s.GetId(),
		Attempt:     s.GetMetadata().GetAttempt(),
		Ready:       s.GetState() == criv1.PodSandboxState_SANDBOX_READY,
		HostNetwork: s.GetLinux().GetNamespaces().GetOptions().GetNetwork() == criv1.NamespaceMode_NODE,
		CreatedAt:   time.Unix(0, s.GetCreatedAt()),
		Allocation:  s.GetAnnotations()[AllocationAnnotation],
	}
	if ip := s.GetNetwork().GetIp(); ip != "" {
		out.IPs = append(out.IPs, ip)
	}
	for _, more := range s.GetNetwork().GetAdditionalIps() {
		out.IPs = append(out.IPs, more.GetIp())
	}
	return out
}

func containerOf(s *criv1.ContainerStatus) Container {
	out := Container{
		ID:              s.GetId(),
		Name:            s.GetLabels()[ContainerNameLabel],
		Attempt:         s.GetMetadata().GetAttempt(),
		State:           stateOf(s.GetState()),
		Image:           s.GetImage().GetImage(),
		ImageID:         s.GetImageRef(),
		Hash:            s.GetAnnotations()[HashAnnotation],
		CreatedAt:       at(s.GetCreatedAt()),
		StartedAt:       at(s.GetStartedAt()),
		FinishedAt:      at(s.GetFinishedAt()),
		ExitCode:        s.GetExitCode(),
		Reason:          s.GetReason(),
		Message:         s.GetMessage(),
		LogPath:         s.GetLogPath(),
		Resources:       s.GetResources().GetLinux(),
		MessageFromLogs: s.GetAnnotations()[TerminationMessagePolicyAnnotation] == string(v1.TerminationMessageFallbackToLogsOnError),
	}
	if path := s.GetAnnotations()[TerminationMessagePathAnnotation]; path != "" {
		for _, m := range s.GetMounts() {
			if m.GetContainerPath() == path {
				out.MessagePath = m.GetHostPath()
			}
		}
	}
	for _, m := range s.GetMounts() {
		if m.GetRecursiveReadOnly() {
			if out.Recursive == nil {
				out.Recursive = map[string]bool{}
			}
			out.Recursive[m.GetContainerPath()] = true
		}
		if image := m.GetImage().GetImage(); image != "" {
			if out.ImageMounts == nil {
				out.ImageMounts = map[string]string{}
			}
			out.ImageMounts[m.GetContainerPath()] = image
		}
	}
	if u := s.GetUser().GetLinux(); u != nil {
		out.User = &User{UID: u.Uid, GID: u.Gid, Groups: u.SupplementalGroups}
	}
	return out
}

func stateOf(s criv1.ContainerState) State {
	switch s {
	case criv1.ContainerState_CONTAINER_CREATED:
		return StateCreated
	case criv1.ContainerState_CONTAINER_RUNNING:
		return StateRunning
	case criv1.ContainerState_CONTAINER_EXITED:
		return StateExited
	default:
		return StateUnknown
	}
}

func at(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
