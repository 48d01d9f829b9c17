package kubelet

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
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
		Memory:      m.Memory,
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
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return p, err
	}
	p.Swap = int64(info.Totalswap) * int64(info.Unit)
	return p, nil
}
