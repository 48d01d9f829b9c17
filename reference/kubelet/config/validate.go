package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// validate returns what is wrong with the supported fields.
func validate(c *kubeletv1beta1.KubeletConfiguration) []error {
	out := append(validateShutdown(c), validateCgroups(c)...)
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
	for _, f := range []struct {
		name  string
		given metav1.Duration
	}{{"fileCheckFrequency", c.FileCheckFrequency}, {"httpCheckFrequency", c.HTTPCheckFrequency}} {
		if f.given.Duration < 0 {
			out = append(out, fmt.Errorf("%s: %v: must not be negative", f.name, f.given.Duration))
		}
	}
	if u, err := url.Parse(c.StaticPodURL); c.StaticPodURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https") {
		out = append(out, fmt.Errorf("staticPodURL: %q is not the URL of a web server", c.StaticPodURL))
	}
	return out
}
