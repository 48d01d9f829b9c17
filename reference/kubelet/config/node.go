package config

import (
	"fmt"
	"net"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"
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
	if c.Port < 1 || c.Port > 65535 {
		out = append(out, fmt.Errorf("port: %d: must be from 1 to 65535", c.Port))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"kubeAPIQPS", int64(ptr.Deref(c.KubeAPIQPS, 0))}, {"kubeAPIBurst", int64(c.KubeAPIBurst)},
		{"eventRecordQPS", int64(ptr.Deref(c.EventRecordQPS, 0))}, {"eventBurst", int64(c.EventBurst)}, {"maxOpenFiles", c.MaxOpenFiles},
	} {
		if f.value < 0 {
			out = append(out, fmt.Errorf("%s: %d: must not be negative", f.name, f.value))
		}
	}
	if net.ParseIP(c.HealthzBindAddress) == nil {
		out = append(out, fmt.Errorf("healthzBindAddress: %q is not an IP address", c.HealthzBindAddress))
	}
	return out
}
