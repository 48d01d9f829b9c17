package defaults

import (
	corev1 "k8s.io/api/core/v1"
)

// setNode takes what is allocatable from the capacity when it is absent, and keeps podCIDR equal to
// the first of podCIDRs; where they differ, podCIDR wins, because older writers know only that one.
func setNode(n *corev1.Node) {
	roundUp(n.Status.Capacity, n.Status.Allocatable)
	if n.Status.Allocatable == nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
	spec := &n.Spec
	switch {
	case spec.PodCIDR != "" && (len(spec.PodCIDRs) == 0 || spec.PodCIDRs[0] != spec.PodCIDR):
		spec.PodCIDRs = []string{spec.PodCIDR}
	case spec.PodCIDR == "" && len(spec.PodCIDRs) > 0:
		spec.PodCIDR = spec.PodCIDRs[0]
	}
}
