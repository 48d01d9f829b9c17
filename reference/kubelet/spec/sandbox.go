package spec

import (
	"maps"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Node is what the runtime's configuration needs to know of the node.
type Node struct {
	DNS      DNS
	LogsRoot string
	// Cgroups is what the node's configuration says of the pods' cgroups.
	Cgroups cgroups.Policy
	// SeccompRoot is where profiles of the type Localhost are.
	SeccompRoot string
	// PauseProfile is the file of the profile for the process that holds a pod's namespaces. Empty, it has the runtime's default.
	PauseProfile string
	// SeccompDefault gives RuntimeDefault to containers that name no profile.
	SeccompDefault bool
}

// Sandbox returns the configuration of the pod's sandbox.
func (n Node) Sandbox(pod *v1.Pod, qos v1.PodQOSClass, attempt uint32) *criv1.PodSandboxConfig {
	c := &criv1.PodSandboxConfig{
		Metadata: &criv1.PodSandboxMetadata{
			Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt,
		},
		LogDirectory: LogDirectory(n.LogsRoot, pod.Namespace, pod.Name, string(pod.UID)),
		DnsConfig:    n.DNS.For(pod),
		Labels:       runtime.PodLabels(pod),
		Annotations:  maps.Clone(pod.Annotations),
		Linux: &criv1.LinuxPodSandboxConfig{
			CgroupParent:    cgroups.PodPath(qos, pod.UID),
			SecurityContext: n.sandboxSecurity(pod),
			Resources:       n.sum(pod),
			Overhead:        n.overhead(pod),
		},
	}
	maps.Copy(c.Labels, unclaimed(pod.Labels))
	if !pod.Spec.HostNetwork {
		// On the host network the node's name is seen, and the runtime refuses another.
		c.Hostname = Hostname(pod)
		if pod.Spec.SetHostnameAsFQDN != nil && *pod.Spec.SetHostnameAsFQDN {
			if domain := Subdomain(pod, n.DNS.Domain); domain != "" {
				c.Hostname += "." + domain
			}
		}
	}
	if sc := pod.Spec.SecurityContext; sc != nil && len(sc.Sysctls) > 0 {
		c.Linux.Sysctls = map[string]string{}
		for _, s := range sc.Sysctls {
			c.Linux.Sysctls[s.Name] = s.Value
		}
	}
	c.PortMappings = ports(pod)
	return c
}

// sum is what all containers of the pod may use together, for runtimes that size the sandbox by it.
func (n Node) sum(pod *v1.Pod) *criv1.LinuxContainerResources {
	without := *pod
	without.Spec.Overhead = nil
	return converted(n.Cgroups.Pod(&without))
}

// overhead is what the pod's RuntimeClass adds for the sandbox itself.
func (n Node) overhead(pod *v1.Pod) *criv1.LinuxContainerResources {
	alone := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{
		Resources: v1.ResourceRequirements{Requests: pod.Spec.Overhead, Limits: pod.Spec.Overhead}}}}}
	return converted(n.Cgroups.Pod(alone))
}

func converted(l cgroups.Limits) *criv1.LinuxContainerResources {
	return &criv1.LinuxContainerResources{CpuShares: l.Shares, CpuQuota: l.Quota, CpuPeriod: l.Period, MemoryLimitInBytes: l.Memory}
}

// unclaimed returns the labels without those that the agent itself sets.
func unclaimed(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	for _, key := range []string{runtime.PodNameLabel, runtime.PodNamespaceLabel, runtime.PodUIDLabel, runtime.ContainerNameLabel} {
		delete(out, key)
	}
	return out
}

func ports(pod *v1.Pod) []*criv1.PortMapping {
	if pod.Spec.HostNetwork {
		return nil
	}
	var out []*criv1.PortMapping
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for _, p := range list[i].Ports {
				if p.HostPort == 0 {
					continue
				}
				out = append(out, &criv1.PortMapping{
					Protocol: protocol(p.Protocol), ContainerPort: p.ContainerPort, HostPort: p.HostPort, HostIp: p.HostIP,
				})
			}
		}
	}
	return out
}

func protocol(p v1.Protocol) criv1.Protocol {
	switch p {
	case v1.ProtocolUDP:
		return criv1.Protocol_UDP
	case v1.ProtocolSCTP:
		return criv1.Protocol_SCTP
	default:
		return criv1.Protocol_TCP
	}
}
