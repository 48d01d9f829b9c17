package defaults

import (
	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// setPod defaults a pod. What it does beyond setPodTemplateSpec is not done to templates, so that
// a template reads back as it was written.
func setPod(p *corev1.Pod) {
	spec := &p.Spec
	setPodSpec(spec)
	orPointTo(&spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	each(spec.InitContainers, requestLimits)
	each(spec.Containers, requestLimits)
	requestPodLimits(p)
	if spec.HostNetwork {
		each(spec.InitContainers, publishPorts)
		each(spec.Containers, publishPorts)
	}
	setPodStatus(&p.Status)
}

func setPodTemplateSpec(t *corev1.PodTemplateSpec) { setPodSpec(&t.Spec) }

func setPodSpec(s *corev1.PodSpec) {
	orElse(&s.DNSPolicy, corev1.DNSClusterFirst)
	orElse(&s.RestartPolicy, corev1.RestartPolicyAlways)
	orElse(&s.SchedulerName, corev1.DefaultSchedulerName)
	orPointTo(&s.SecurityContext, corev1.PodSecurityContext{})
	orPointTo(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	// serviceAccount is the deprecated spelling; both are always shown.
	orElse(&s.ServiceAccountName, s.DeprecatedServiceAccount)
	s.DeprecatedServiceAccount = s.ServiceAccountName
	each(s.Volumes, setVolume)
	each(s.InitContainers, setContainer)
	each(s.Containers, setContainer)
	each(s.EphemeralContainers, func(c *corev1.EphemeralContainer) {
		setContainer((*corev1.Container)(&c.EphemeralContainerCommon))
	})
	roundUp(s.Overhead)
	if s.Resources != nil {
		roundUp(s.Resources.Limits, s.Resources.Requests)
	}
}

// requestLimits makes a container that sets only a limit request as much.
func requestLimits(c *corev1.Container) {
	fillMissing(&c.Resources.Requests, c.Resources.Limits)
}

// requestPodLimits completes pod-level requests, where a pod has pod-level resources at all: from
// what its containers ask for together, else from the pod-level limits (KEP-2837). Huge pages are
// not summed up, their page size limits how they can be shared.
func requestPodLimits(p *corev1.Pod) {
	if p.Spec.Resources == nil {
		return
	}
	supported := corev1.ResourceList{}
	for name, quantity := range resourcehelper.AggregateContainerRequests(p, resourcehelper.PodResourcesOptions{}) {
		if name == corev1.ResourceCPU || name == corev1.ResourceMemory {
			supported[name] = quantity
		}
	}
	fillMissing(&p.Spec.Resources.Requests, supported)
	for name, quantity := range p.Spec.Resources.Limits {
		if resourcehelper.IsSupportedPodLevelResource(name) {
			fillMissing(&p.Spec.Resources.Requests, corev1.ResourceList{name: quantity})
		}
	}
}

// publishPorts binds a container's ports on the node, where a pod on the node's network has them.
func publishPorts(c *corev1.Container) {
	each(c.Ports, func(p *corev1.ContainerPort) { orElse(&p.HostPort, p.ContainerPort) })
}

// setPodStatus keeps podIP and hostIP equal to the first of podIPs and hostIPs. Where they differ
// the single one wins, because older writers know only that one.
func setPodStatus(s *corev1.PodStatus) {
	switch {
	case s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP):
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	case s.PodIP == "" && len(s.PodIPs) > 0:
		s.PodIP = s.PodIPs[0].IP
	}
	switch {
	case s.HostIP != "" && (len(s.HostIPs) == 0 || s.HostIPs[0].IP != s.HostIP):
		s.HostIPs = []corev1.HostIP{{IP: s.HostIP}}
	case s.HostIP == "" && len(s.HostIPs) > 0:
		s.HostIP = s.HostIPs[0].IP
	}
	roundUp(s.AllocatedResources)
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			roundUp(list[i].AllocatedResources)
			if r := list[i].Resources; r != nil {
				roundUp(r.Limits, r.Requests)
			}
		}
	}
}
