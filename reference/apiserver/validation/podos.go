package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	notForWindows = "cannot be set for a windows pod"
	notForLinux   = "windows options cannot be set for a linux pod"
)

// podOS checks spec.os, and that the pod asks for nothing that its operating system does not have
// (https://kubernetes.io/docs/concepts/workloads/pods/#pod-os).
func podOS(p *field.Path, s *corev1.PodSpec) field.ErrorList {
	if s.OS == nil {
		return nil
	}
	name := p.Child("os", "name")
	if s.OS.Name == "" {
		return field.ErrorList{field.Required(name, "cannot be empty")}
	}
	errs := supportedValue(name, s.OS.Name, corev1.Linux, corev1.Windows)
	switch s.OS.Name {
	case corev1.Linux:
		errs = append(errs, linuxPod(p, s)...)
	case corev1.Windows:
		errs = append(errs, windowsPod(p, s)...)
	}
	return errs
}

func linuxPod(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	if c := s.SecurityContext; c != nil && c.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(p.Child("securityContext", "windowsOptions"), notForLinux))
	}
	eachContainer(p, s, func(at *field.Path, ctr *corev1.Container) {
		if c := ctr.SecurityContext; c != nil && c.WindowsOptions != nil {
			errs = append(errs, field.Forbidden(at.Child("securityContext", "windowsOptions"), notForLinux))
		}
	})
	return errs
}

func windowsPod(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	forbid := func(set bool, p *field.Path, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), notForWindows))
		}
	}
	if c := s.SecurityContext; c != nil {
		at := p.Child("securityContext")
		forbid(c.AppArmorProfile != nil, at, "appArmorProfile")
		forbid(c.SELinuxOptions != nil, at, "seLinuxOptions")
		forbid(c.SeccompProfile != nil, at, "seccompProfile")
		forbid(c.FSGroup != nil, at, "fsGroup")
		forbid(c.FSGroupChangePolicy != nil, at, "fsGroupChangePolicy")
		forbid(len(c.Sysctls) > 0, at, "sysctls")
		forbid(c.RunAsUser != nil, at, "runAsUser")
		forbid(c.RunAsGroup != nil, at, "runAsGroup")
		forbid(c.SupplementalGroups != nil, at, "supplementalGroups")
		forbid(c.SupplementalGroupsPolicy != nil, at, "supplementalGroupsPolicy")
		forbid(c.SELinuxChangePolicy != nil, at, "seLinuxChangePolicy")
	}
	forbid(s.HostUsers != nil, p, "hostUsers")
	forbid(s.HostPID, p, "hostPID")
	forbid(s.HostIPC, p, "hostIPC")
	forbid(s.ShareProcessNamespace != nil, p, "shareProcessNamespace")
	forbid(s.Resources != nil, p, "resources")
	eachContainer(p, s, func(at *field.Path, ctr *corev1.Container) {
		c := ctr.SecurityContext
		if c == nil {
			return
		}
		at = at.Child("securityContext")
		forbid(c.AppArmorProfile != nil, at, "appArmorProfile")
		forbid(c.SELinuxOptions != nil, at, "seLinuxOptions")
		forbid(c.SeccompProfile != nil, at, "seccompProfile")
		forbid(c.Capabilities != nil, at, "capabilities")
		forbid(c.ReadOnlyRootFilesystem != nil, at, "readOnlyRootFilesystem")
		forbid(c.Privileged != nil, at, "privileged")
		forbid(c.AllowPrivilegeEscalation != nil, at, "allowPrivilegeEscalation")
		forbid(c.ProcMount != nil, at, "procMount")
		forbid(c.RunAsUser != nil, at, "runAsUser")
		forbid(c.RunAsGroup != nil, at, "runAsGroup")
	})
	return errs
}

// eachContainer visits all containers of a pod, those that run first before the others.
func eachContainer(p *field.Path, s *corev1.PodSpec, visit func(*field.Path, *corev1.Container)) {
	for i := range s.InitContainers {
		visit(p.Child("initContainers").Index(i), &s.InitContainers[i])
	}
	for i := range s.Containers {
		visit(p.Child("containers").Index(i), &s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		visit(p.Child("ephemeralContainers").Index(i), (*corev1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
}
