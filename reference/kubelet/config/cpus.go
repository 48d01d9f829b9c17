package config

import (
	"fmt"
	"strconv"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/cpuset"
)

// The values of cpuManagerPolicy, and the option of the static one that this agent has.
const (
	NoCPUManager     = "none"
	StaticCPUManager = "static"
	FullPCPUsOnly    = "full-pcpus-only"
)

func validateCPUs(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	if p := c.CPUManagerPolicy; p != NoCPUManager && p != StaticCPUManager {
		out = append(out, fmt.Errorf("cpuManagerPolicy: %q: must be %q or %q", p, NoCPUManager, StaticCPUManager))
	}
	for name, value := range c.CPUManagerPolicyOptions {
		switch _, err := strconv.ParseBool(value); {
		case name != FullPCPUsOnly:
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: this kubelet does not support it", name))
		case err != nil:
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: %q is neither true nor false", name, value))
		case c.CPUManagerPolicy != StaticCPUManager:
			out = append(out, fmt.Errorf("cpuManagerPolicyOptions: %s: the policy %q has no options", name, c.CPUManagerPolicy))
		}
	}
	if _, err := cpuset.Parse(c.ReservedSystemCPUs); err != nil {
		out = append(out, fmt.Errorf("reservedSystemCPUs: %q is no list of CPUs", c.ReservedSystemCPUs))
	}
	return out
}
