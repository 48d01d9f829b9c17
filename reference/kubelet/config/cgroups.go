package config

import (
	"fmt"
	"time"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// The values of memorySwap.swapBehavior: no container swaps, or those of burstable pods up to the part of the
// node's swap that they request of its memory.
const (
	NoSwap      = "NoSwap"
	LimitedSwap = "LimitedSwap"
)

func validateCgroups(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	if p := c.CPUCFSQuotaPeriod.Duration; p < time.Millisecond || p > time.Second {
		out = append(out, fmt.Errorf("cpuCFSQuotaPeriod: %v: must be between 1ms and 1s", p))
	}
	if n := *c.PodPidsLimit; n == 0 || n < -1 {
		out = append(out, fmt.Errorf("podPidsLimit: %d: must be positive, or -1 for no limit", n))
	}
	switch b := c.MemorySwap.SwapBehavior; b {
	case "", NoSwap, LimitedSwap:
	default:
		out = append(out, fmt.Errorf("memorySwap.swapBehavior: %q: must be %q or %q", b, NoSwap, LimitedSwap))
	}
	return append(out, validateCPUs(c)...)
}
