package kubelet

import (
	"errors"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
)

// cgroupPolicy is what the configuration says of the pods' cgroups on this machine.
func cgroupPolicy(c *kubeletv1beta1.KubeletConfiguration, m node.Machine, unified bool) (cgroups.Policy, error) {
	p := cgroups.Policy{
		NoQuota:     !ptr.Deref(c.CPUCFSQuota, true),
		PodPids:     ptr.Deref(c.PodPidsLimit, -1),
		SingleKill:  ptr.Deref(c.SingleProcessOOMKill, !unified),
		LimitedSwap: c.MemorySwap.SwapBehavior == config.LimitedSwap,
		Memory:      m.Memory, Swap: m.Swap,
	}
	if c.CPUCFSQuotaPeriod != nil {
		p.Period = c.CPUCFSQuotaPeriod.Microseconds()
	}
	if !unified && !p.SingleKill {
		return p, errors.New("singleProcessOOMKill: false: cgroups version 1 cannot kill a whole container")
	}
	for name := range m.Capacity {
		if size, ok := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix); ok {
			p.PageSizes = append(p.PageSizes, size)
		}
	}
	if p.LimitedSwap && !unified {
		klog.Background().Info("No container swaps: cgroups version 1 has no limits for that", "swapBehavior", config.LimitedSwap)
	}
	return p, nil
}
