package spec

import (
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maskedPaths and readonlyPaths are what the default of procMount keeps from containers.
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		"/sys/devices/virtual/powercap",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func namespaces(pod *v1.Pod) *criv1.NamespaceOption {
	n := &criv1.NamespaceOption{Pid: criv1.NamespaceMode_CONTAINER}
	if pod.Spec.HostNetwork {
		n.Network = criv1.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		n.Ipc = criv1.NamespaceMode_NODE
	}
	switch {
	case pod.Spec.HostPID:
		n.Pid = criv1.NamespaceMode_NODE
	case pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace:
		n.Pid = criv1.NamespaceMode_POD
	}
	return n
}

func (n Node) sandboxSecurity(pod *v1.Pod) *criv1.LinuxSandboxSecurityContext {
	s := &criv1.LinuxSandboxSecurityContext{
		NamespaceOptions:   namespaces(pod),
		SupplementalGroups: groups(pod),
		Seccomp:            &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_RuntimeDefault},
	}
	if n.PauseProfile != "" {
		s.Seccomp = &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Localhost, LocalhostRef: n.PauseProfile}
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if sc := list[i].SecurityContext; sc != nil && sc.Privileged != nil && *sc.Privileged {
				s.Privileged = true
			}
		}
	}
	if sc := pod.Spec.SecurityContext; sc != nil && !s.Privileged {
		s.RunAsUser, s.RunAsGroup = number(sc.RunAsUser), number(sc.RunAsGroup)
		if s.RunAsUser == nil {
			s.RunAsGroup = nil
		}
	}
	return s
}

// security returns what the container may do; its own settings win over the pod's. With a target it
// shares the namespace of that container's processes.
func (n Node) security(pod *v1.Pod, c *v1.Container, target string) *criv1.LinuxContainerSecurityContext {
	ps, cs := pod.Spec.SecurityContext, c.SecurityContext
	if ps == nil {
		ps = &v1.PodSecurityContext{}
	}
	if cs == nil {
		cs = &v1.SecurityContext{}
	}
	s := &criv1.LinuxContainerSecurityContext{
		NamespaceOptions:   namespaces(pod),
		SupplementalGroups: groups(pod),
		RunAsUser:          number(or(cs.RunAsUser, ps.RunAsUser)),
		RunAsGroup:         number(or(cs.RunAsGroup, ps.RunAsGroup)),
		Privileged:         is(cs.Privileged),
		ReadonlyRootfs:     is(cs.ReadOnlyRootFilesystem),
		NoNewPrivs:         cs.AllowPrivilegeEscalation != nil && !*cs.AllowPrivilegeEscalation,
		Seccomp:            n.seccomp(or(cs.SeccompProfile, ps.SeccompProfile)),
	}
	if target != "" {
		s.NamespaceOptions.Pid, s.NamespaceOptions.TargetId = criv1.NamespaceMode_TARGET, target
	}
	if ps.SupplementalGroupsPolicy != nil && *ps.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict {
		s.SupplementalGroupsPolicy = criv1.SupplementalGroupsPolicy_Strict
	}
	if caps := cs.Capabilities; caps != nil {
		s.Capabilities = &criv1.Capability{AddCapabilities: capabilities(caps.Add), DropCapabilities: capabilities(caps.Drop)}
	}
	s.Apparmor = appArmor(pod, c)
	if cs.ProcMount == nil || *cs.ProcMount != v1.UnmaskedProcMount {
		s.MaskedPaths, s.ReadonlyPaths = maskedPaths, readonlyPaths
	}
	return s
}

func (n Node) seccomp(p *v1.SeccompProfile) *criv1.SecurityProfile {
	if p == nil {
		if n.SeccompDefault {
			return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_RuntimeDefault}
		}
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Unconfined}
	}
	switch p.Type {
	case v1.SeccompProfileTypeRuntimeDefault:
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_RuntimeDefault}
	case v1.SeccompProfileTypeLocalhost:
		profile := ""
		if p.LocalhostProfile != nil {
			profile = *p.LocalhostProfile
		}
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Localhost, LocalhostRef: filepath.Join(n.SeccompRoot, profile)}
	default:
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Unconfined}
	}
}

// groups are the groups that every process of the pod is in, the owner of its volumes among them.
func groups(pod *v1.Pod) []int64 {
	sc := pod.Spec.SecurityContext
	if sc == nil {
		return nil
	}
	out := append([]int64(nil), sc.SupplementalGroups...)
	if sc.FSGroup != nil {
		out = append(out, *sc.FSGroup)
	}
	return out
}

func capabilities(list []v1.Capability) []string {
	var out []string
	for _, c := range list {
		out = append(out, string(c))
	}
	return out
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func is(b *bool) bool { return b != nil && *b }

func number(n *int64) *criv1.Int64Value {
	if n == nil {
		return nil
	}
	return &criv1.Int64Value{Value: *n}
}
