// Package cgroups gives pods their share of the machine. Which numbers a pod gets is decided
// without I/O; the two versions of the kernel's interface differ only in how they are written.
package cgroups

import (
	"path"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"
)

// Period is the usual length of a CPU quota's period, in microseconds.
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
	// Quota is the CPU time in microseconds per Period, Period in microseconds.
	Quota, Period int64
	// Memory is in bytes.
	Memory int64
	// Pids is how many processes and threads there may be.
	Pids int64
	// HugePages are bytes by page size (2Mi). If it is not nil, sizes that it does not name may not be used at all.
	HugePages map[string]int64
}

// PodPath is the pod's cgroup: guaranteed pods right under Root, the others under their class.
func PodPath(qos v1.PodQOSClass, uid types.UID) string {
	return path.Join(ClassPath(qos), "pod"+string(uid))
}

// ClassPath is the cgroup of all pods of the class.
func ClassPath(qos v1.PodQOSClass) string {
	return path.Join(Root, class(qos))
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

// Policy is what a node's configuration says of the cgroups of its pods.
type Policy struct {
	// NoQuota: CPU limits are not enforced (cpuCFSQuota: false).
	NoQuota bool
	// Period is that of CPU quotas in microseconds (cpuCFSQuotaPeriod), 0 for the usual one.
	Period int64
	// PodPids bounds the processes of each pod (podPidsLimit); not bounded if not positive.
	PodPids int64
	// SingleKill: when memory runs out the kernel kills one process, not the whole container (singleProcessOOMKill).
	SingleKill bool
	// LimitedSwap: some containers may swap (memorySwap.swapBehavior).
	LimitedSwap bool
	// Memory and Swap are what the node has, in bytes.
	Memory, Swap int64
	// PageSizes are the sizes of huge pages that the machine knows (2Mi).
	PageSizes []string
}

// Pod returns the settings of the pod's cgroup, its RuntimeClass's overhead included. CPU time and memory are
// capped only if every container has such a limit or the pod as a whole has, since else one of them may use what
// there is.
func (p Policy) Pod(pod *v1.Pod) Limits {
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	limits := resource.PodLimits(pod, resource.PodResourcesOptions{})
	l := Limits{Shares: Shares(requests.Cpu().MilliValue()), Pids: max(p.PodPids, 0), HugePages: map[string]int64{}}
	if capped(pod, v1.ResourceCPU) {
		l.Quota, l.Period = p.quota(limits.Cpu().MilliValue())
	}
	if capped(pod, v1.ResourceMemory) {
		l.Memory = limits.Memory().Value()
	}
	for name, amount := range limits {
		if size, ok := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix); ok {
			l.HugePages[size] = amount.Value()
		}
	}
	return l
}

func capped(pod *v1.Pod, name v1.ResourceName) bool {
	if r := pod.Spec.Resources; r != nil {
		if limit := r.Limits[name]; !limit.IsZero() {
			return true
		}
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if limit := list[i].Resources.Limits[name]; limit.IsZero() {
				return false
			}
		}
	}
	return true
}

// Container returns the settings of the container's cgroup. Where it has no limit of its own, the pod's is the
// one that it meets (KEP-2837).
func (p Policy) Container(pod *v1.Pod, c *v1.Container) Limits {
	limit := func(name v1.ResourceName) *v1.ResourceList {
		if _, own := c.Resources.Limits[name]; !own && pod.Spec.Resources != nil {
			return &pod.Spec.Resources.Limits
		}
		return &c.Resources.Limits
	}
	cpu := c.Resources.Requests.Cpu()
	if _, ok := c.Resources.Requests[v1.ResourceCPU]; !ok {
		cpu = limit(v1.ResourceCPU).Cpu()
	}
	l := Limits{
		Shares: Shares(cpu.MilliValue()), Memory: limit(v1.ResourceMemory).Memory().Value(), HugePages: map[string]int64{},
	}
	l.Quota, l.Period = p.quota(limit(v1.ResourceCPU).Cpu().MilliValue())
	for _, size := range p.PageSizes {
		amount := c.Resources.Limits[v1.ResourceName(v1.ResourceHugePagesPrefix+size)]
		l.HugePages[size] = amount.Value()
	}
	return l
}

// quota converts thousandths of a core to CPU time per period; none for 0.
func (p Policy) quota(milli int64) (quota, period int64) {
	if milli == 0 || p.NoQuota {
		return 0, 0
	}
	period = p.Period
	if period == 0 {
		period = Period
	}
	return max(milli*period/1000, minQuota), period
}

// Shares converts thousandths of a core to CPU shares.
func Shares(milli int64) int64 {
	return min(max(milli*1024/1000, minShares), maxShares)
}

// Burstable returns the shares of all burstable pods together, which are the sum of what they request.
func Burstable(pods []*v1.Pod) int64 {
	var milli int64
	for _, pod := range pods {
		requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
		milli += requests.Cpu().MilliValue()
	}
	return Shares(milli)
}
