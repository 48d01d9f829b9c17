package config

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// enforcements are the values of enforceNodeAllocatable.
var enforcements = []string{"none", "pods", "system-reserved", "system-reserved-compressible", "kube-reserved", "kube-reserved-compressible"}

// reservable are the resources of systemReserved and kubeReserved.
var reservable = []string{"cpu", "memory", "ephemeral-storage", "pid"}

// validateReservations returns what is wrong with what is kept from pods.
func validateReservations(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	for field, list := range map[string]map[string]string{"systemReserved": c.SystemReserved, "kubeReserved": c.KubeReserved} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			if !slices.Contains(reservable, name) {
				out = append(out, fmt.Errorf("%s: cannot reserve %q resource", field, name))
			} else if q, err := resource.ParseQuantity(list[name]); err != nil || q.Sign() < 0 {
				out = append(out, fmt.Errorf("%s: %s: %q is not an amount", field, name, list[name]))
			}
		}
	}
	if c.PodsPerCore < 0 {
		out = append(out, fmt.Errorf("podsPerCore: %d: must not be negative", c.PodsPerCore))
	}
	if c.EvictionPressureTransitionPeriod.Duration < 0 {
		out = append(out, fmt.Errorf("evictionPressureTransitionPeriod: %v: must not be negative", c.EvictionPressureTransitionPeriod.Duration))
	}
	given := map[string]bool{}
	for _, e := range c.EnforceNodeAllocatable {
		if !slices.Contains(enforcements, e) {
			out = append(out, fmt.Errorf("enforceNodeAllocatable: %q is none of %q", e, enforcements))
		}
		given[e] = true
	}
	if given["none"] && len(c.EnforceNodeAllocatable) > 1 {
		out = append(out, fmt.Errorf("enforceNodeAllocatable: may not contain other values beside \"none\""))
	}
	for _, r := range []struct{ name, field, cgroup string }{
		{"system-reserved", "systemReservedCgroup", c.SystemReservedCgroup}, {"kube-reserved", "kubeReservedCgroup", c.KubeReservedCgroup},
	} {
		if given[r.name] && given[r.name+"-compressible"] {
			out = append(out, fmt.Errorf("enforceNodeAllocatable: both %s and %s-compressible", r.name, r.name))
		}
		if (given[r.name] || given[r.name+"-compressible"]) && r.cgroup == "" {
			out = append(out, fmt.Errorf("%s: must be specified when enforceNodeAllocatable contains %s", r.field, r.name))
		}
	}
	return out
}
