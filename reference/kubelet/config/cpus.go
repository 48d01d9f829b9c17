package config

import (
	"fmt"
	"slices"
	"strconv"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/memorymanager"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// The values of cpuManagerPolicy, and the options of the static one.
const (
	NoCPUManager     = "none"
	StaticCPUManager = "static"

	FullPCPUsOnly            = "full-pcpus-only"
	DistributeAcrossNUMA     = "distribute-cpus-across-numa"
	StrictReservation        = "strict-cpu-reservation"
	PreferAlignByUncoreCache = "prefer-align-cpus-by-uncorecache"
)

// cpuOptions are the options that a cluster has without asking for more, alphaOptions those behind a feature gate that is off
// (docs: concepts/policy/node-resource-managers#cpu-policy-static--options).
var (
	cpuOptions   = []string{FullPCPUsOnly, DistributeAcrossNUMA, StrictReservation, PreferAlignByUncoreCache}
	alphaOptions = []string{"align-by-socket", "distribute-cpus-across-cores"}
)

func validateCPUs(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	if p := c.CPUManagerPolicy; p != NoCPUManager && p != StaticCPUManager {
		out = append(out, fmt.Errorf("cpuManagerPolicy: %q: must be %q or %q", p, NoCPUManager, StaticCPUManager))
	}
	for name, value := range c.CPUManagerPolicyOptions {
		switch _, err := strconv.ParseBool(value); {
		case slices.Contains(alphaOptions, name):
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: needs the feature gate CPUManagerPolicyAlphaOptions, which is off", name))
		case !slices.Contains(cpuOptions, name):
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: no such option", name))
		case err != nil:
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: %q is neither true nor false", name, value))
		case c.CPUManagerPolicy != StaticCPUManager:
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: the policy %q has no options", name, c.CPUManagerPolicy))
		}
	}
	if _, err := cpuset.Parse(c.ReservedSystemCPUs); err != nil {
		out = append(out, fmt.Errorf("reservedSystemCPUs: %q is no list of CPUs", c.ReservedSystemCPUs))
	}
	if _, err := topology.NewPolicy(c.TopologyManagerPolicy, c.TopologyManagerScope, c.TopologyManagerPolicyOptions); err != nil {
		out = append(out, err)
	}
	if p := c.MemoryManagerPolicy; p != NoMemoryManager && p != memorymanager.Static {
		out = append(out, fmt.Errorf("memoryManagerPolicy: %q: must be %q or %q", p, NoMemoryManager, memorymanager.Static))
	}
	if _, err := memorymanager.Parse(c.ReservedMemory); err != nil {
		out = append(out, err)
	}
	return out
}

// NoMemoryManager is the memoryManagerPolicy by which nobody has memory of its own.
const NoMemoryManager = "None"
