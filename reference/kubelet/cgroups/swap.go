package cgroups

import (
	"math/big"

	v1 "k8s.io/api/core/v1"
)

// systemCritical is the priority from which on pods are critical to the cluster or the node.
const systemCritical = 2_000_000_000

// SwapLimit is how much the container may swap, in bytes: nothing, unless the node allows limited swap. Then
// containers of burstable pods get the part of the node's swap that they request of its memory; those that
// request none, or as much as their limit, and critical pods get nothing (docs: concepts/cluster-administration/swap-memory-management).
func (p Policy) SwapLimit(pod *v1.Pod, qos v1.PodQOSClass, c *v1.Container) int64 {
	request, limit := c.Resources.Requests.Memory(), c.Resources.Limits.Memory()
	critical := pod.Spec.Priority != nil && *pod.Spec.Priority >= systemCritical
	if !p.LimitedSwap || p.Memory <= 0 || critical || qos != v1.PodQOSBurstable || request.IsZero() || request.Cmp(*limit) == 0 {
		return 0
	}
	// The product may be more than 64 bits hold.
	part := new(big.Int).Mul(big.NewInt(request.Value()), big.NewInt(p.Swap))
	return part.Div(part, big.NewInt(p.Memory)).Int64()
}
