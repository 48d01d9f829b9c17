// Package cgroups gives pods their share of the machine. Which numbers a pod gets is decided
// without I/O; the two versions of the kernel's interface differ only in how they are written.
package cgroups

import (
	"path"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"
)

// Period is the length of a CPU quota's period, in microseconds.
const Period = 100_000

const (
	minShares, maxShares = 2, 262144
	minQuota             = 1000
)

// Root is the cgroup that all pods are in.
const Root = "/kubepods"

// Limits are the settings of one cgroup. Zero leaves a setting as it is.
type Limits struct {
	// Shares is the relative weight of the CPU, 1024 for one core.
	Shares int64
	// Quota is the CPU time in microseconds per Period.
	Quota int64
	// Memory is in bytes.
	Memory int64
}

// PodPath is the pod's cgroup: guaranteed pods right under Root, the others under their class.
func PodPath(qos v1.PodQOSClass, uid types.UID) string {
	return path.Join(Root, class(qos), "pod"+string(uid))
}

func class(qos v1.PodQOSClass) string {
	switch qos {
	case v1.PodQOSBurstable:
		return "burstable"
	case v1.PodQOSBestEffort:
		return "besteffort"
	default:
		return ""
	}
}

// PodLimits returns the settings of the pod's cgroup. CPU time and memory are capped only if
// every container has such a limit, since else one of them may use what there is.
func PodLimits(pod *v1.Pod) Limits {
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	limits := resource.PodLimits(pod, resource.PodResourcesOptions{})
	l := Limits{Shares: Shares(requests.Cpu().MilliValue())}
	if everyone(pod, v1.ResourceCPU) {
		l.Quota = Quota(limits.Cpu().MilliValue())
	}
	if everyone(pod, v1.ResourceMemory) {
		l.Memory = limits.Memory().Value()
	}
	return l
}

func everyone(pod *v1.Pod, name v1.ResourceName) bool {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if limit := list[i].Resources.Limits[name]; limit.IsZero() {
				return false
			}
		}
	}
	return true
}

// ContainerLimits returns the settings of the container's cgroup.
func ContainerLimits(c *v1.Container) Limits {
	cpu := c.Resources.Requests.Cpu()
	if _, ok := c.Resources.Requests[v1.ResourceCPU]; !ok {
		cpu = c.Resources.Limits.Cpu()
	}
	return Limits{
		Shares: Shares(cpu.MilliValue()),
		Quota:  Quota(c.Resources.Limits.Cpu().MilliValue()),
		Memory: c.Resources.Limits.Memory().Value(),
	}
}

// Shares converts thousandths of a core to CPU shares.
func Shares(milli int64) int64 {
	return min(max(milli*1024/1000, minShares), maxShares)
}

// Quota converts thousandths of a core to microseconds per Period; none for 0.
func Quota(milli int64) int64 {
	if milli == 0 {
		return 0
	}
	return max(milli*Period/1000, minQuota)
}

// OOMScoreAdj says how eager the kernel is to kill the container when the node runs out of
// memory: guaranteed pods last, best-effort pods first, burstable ones by how much of the
// node's memory (in bytes) they asked for (docs: scheduling-eviction/node-pressure-eviction).
func OOMScoreAdj(qos v1.PodQOSClass, c *v1.Container, nodeMemory int64) int64 {
	switch qos {
	case v1.PodQOSGuaranteed:
		return -997
	case v1.PodQOSBestEffort:
		return 1000
	}
	if nodeMemory <= 0 {
		return 999
	}
	return min(max(1000-1000*c.Resources.Requests.Memory().Value()/nodeMemory, 3), 999)
}
