package config

import (
	"errors"
	"fmt"
	"slices"
	"time"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// SystemCriticalPriority is where the priorities of critical pods begin (system-cluster-critical).
const SystemCriticalPriority = 2_000_000_000

// Shutdown returns how pods end when the node shuts down gracefully (docs: concepts/cluster-administration/node-shutdown): the
// priorities in ascending order, each with the seconds for pods of that priority up to the next. It is empty if that is not set up.
func Shutdown(c *kubeletv1beta1.KubeletConfiguration) []kubeletv1beta1.ShutdownGracePeriodByPodPriority {
	if len(c.ShutdownGracePeriodByPodPriority) > 0 {
		return slices.SortedStableFunc(slices.Values(c.ShutdownGracePeriodByPodPriority), func(a, b kubeletv1beta1.ShutdownGracePeriodByPodPriority) int {
			return int(a.Priority) - int(b.Priority)
		})
	}
	all, critical := c.ShutdownGracePeriod.Duration, c.ShutdownGracePeriodCriticalPods.Duration
	if all == 0 {
		return nil
	}
	return []kubeletv1beta1.ShutdownGracePeriodByPodPriority{
		{Priority: 0, ShutdownGracePeriodSeconds: int64((all - critical).Seconds())},
		{Priority: SystemCriticalPriority, ShutdownGracePeriodSeconds: int64(critical.Seconds())},
	}
}

// ShutdownPeriod is how long all of that may take.
func ShutdownPeriod(c *kubeletv1beta1.KubeletConfiguration) time.Duration {
	var sum time.Duration
	for _, step := range Shutdown(c) {
		sum += time.Duration(step.ShutdownGracePeriodSeconds) * time.Second
	}
	return sum
}

func validateShutdown(c *kubeletv1beta1.KubeletConfiguration) (out []error) {
	all, critical := c.ShutdownGracePeriod.Duration, c.ShutdownGracePeriodCriticalPods.Duration
	for name, period := range map[string]time.Duration{"shutdownGracePeriod": all, "shutdownGracePeriodCriticalPods": critical} {
		if period < 0 || period > 0 && period < time.Second {
			out = append(out, fmt.Errorf("%s: %v: must be 0 or at least 1s", name, period))
		}
	}
	if critical > all {
		out = append(out, fmt.Errorf("shutdownGracePeriodCriticalPods: %v: must not be longer than shutdownGracePeriod, %v", critical, all))
	}
	if len(c.ShutdownGracePeriodByPodPriority) > 0 && (all != 0 || critical != 0) {
		out = append(out, errors.New("shutdownGracePeriodByPodPriority: excludes shutdownGracePeriod and shutdownGracePeriodCriticalPods"))
	}
	for _, step := range c.ShutdownGracePeriodByPodPriority {
		if step.ShutdownGracePeriodSeconds < 0 {
			out = append(out, fmt.Errorf("shutdownGracePeriodByPodPriority: %d seconds for priority %d: must not be negative", step.ShutdownGracePeriodSeconds, step.Priority))
		}
	}
	return out
}
