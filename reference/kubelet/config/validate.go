package config

import (
	"fmt"
	"net"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// validate returns what is wrong with the supported fields.
func validate(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	for _, ip := range c.ClusterDNS {
		if net.ParseIP(ip) == nil {
			out = append(out, fmt.Errorf("clusterDNS: %q is not an IP address", ip))
		}
	}
	if problems := validation.IsDNS1123Subdomain(c.ClusterDomain); len(problems) > 0 {
		out = append(out, fmt.Errorf("clusterDomain: %q: %s", c.ClusterDomain, strings.Join(problems, "; ")))
	}
	if c.MaxPods < 0 {
		out = append(out, fmt.Errorf("maxPods: %d: must not be negative", c.MaxPods))
	}
	return out
}
