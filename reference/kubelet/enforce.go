package kubelet

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
	"github.com/etalon-dev/etalon/reference/kubelet/pressure"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// enforceReservations bounds what all pods together may use, and where that is asked for what the system's own
// control groups may (docs: reserve-compute-resources#enforcing-node-allocatable).
func enforceReservations(groups interface {
	Ensure(string, cgroups.Limits) error
}, m node.Machine, c *kubeletv1beta1.KubeletConfiguration) error {
	for _, e := range c.EnforceNodeAllocatable {
		name, compressible := strings.CutSuffix(e, "-compressible")
		var group string
		var amounts v1.ResourceList
		switch name {
		case "pods":
			group, amounts = cgroups.Root, m.Reserved.ForPods(m.Capacity)
		case "system-reserved":
			group, amounts = c.SystemReservedCgroup, m.Reserved.System
		case "kube-reserved":
			group, amounts = c.KubeReservedCgroup, m.Reserved.Kube
		default:
			continue
		}
		var limits cgroups.Limits
		if cpu := amounts.Cpu().MilliValue(); cpu > 0 {
			limits.Shares = cgroups.Shares(cpu)
		}
		if !compressible {
			limits.Memory = amounts.Memory().Value()
		}
		if err := groups.Ensure(group, limits); err != nil {
			return fmt.Errorf("enforce node allocatable for %s: %w", e, err)
		}
	}
	return nil
}

// evictions says when the node runs short and of what.
func evictions(o Options, m node.Machine, rt *runtime.Client) (pressure.Config, error) {
	thresholds, err := eviction.Thresholds(o.Kubelet)
	if err != nil {
		return pressure.Config{}, err
	}
	places := pressure.Places{Proc: "/proc", Cgroup: "/sys/fs/cgroup", Root: o.RootDir}
	if slices.Contains(o.Kubelet.EnforceNodeAllocatable, "pods") {
		forPods := m.Reserved.ForPods(m.Capacity)
		places.PodsMemory = forPods.Memory().Value()
		thresholds = eviction.WithAllocatable(thresholds)
	}
	return pressure.Config{
		Places: places, Thresholds: thresholds, Transition: o.Kubelet.EvictionPressureTransitionPeriod.Duration,
		SoftGrace: int64(o.Kubelet.EvictionMaxPodGracePeriod), LogsRoot: o.PodLogsDir, Runtime: rt, Images: rt.Images,
		Notices: o.Kubelet.KernelMemcgNotification,
	}, nil
}

// recordEnforcement says so in an event of the node.
func recordEnforcement(r record.EventRecorder, n *v1.Node, c *kubeletv1beta1.KubeletConfiguration) {
	if slices.Contains(c.EnforceNodeAllocatable, "pods") {
		r.Event(nodeReference(n), v1.EventTypeNormal, "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")
	}
}
