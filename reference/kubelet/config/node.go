package config

import (
	"fmt"
	"net"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// validateNode checks what concerns the Node object, its Lease and the agent's health.
func validateNode(c *kubeletv1beta1.KubeletConfiguration) (out []error) {
	if c.NodeStatusUpdateFrequency.Duration < 0 {
		out = append(out, fmt.Errorf("nodeStatusUpdateFrequency: %v: must be greater than 0", c.NodeStatusUpdateFrequency.Duration))
	}
	if c.NodeStatusReportFrequency.Duration < 0 {
		out = append(out, fmt.Errorf("nodeStatusReportFrequency: %v: must be greater than 0", c.NodeStatusReportFrequency.Duration))
	}
	if c.NodeLeaseDurationSeconds < 0 {
		out = append(out, fmt.Errorf("nodeLeaseDurationSeconds: %d: must be greater than 0", c.NodeLeaseDurationSeconds))
	}
	if port := *c.HealthzPort; port < 0 || port > 65535 {
		out = append(out, fmt.Errorf("healthzPort: %d: want 0 to 65535", port))
	}
	if net.ParseIP(c.HealthzBindAddress) == nil {
		out = append(out, fmt.Errorf("healthzBindAddress: %q is not an IP address", c.HealthzBindAddress))
	}
	return out
}
