package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

// validate returns what is wrong with the supported fields.
func validate(c *kubeletv1beta1.KubeletConfiguration) []error {
	out := slices.Concat(validateShutdown(c), validateCgroups(c), validateNode(c))
	for _, ip := range c.ClusterDNS {
		if net.ParseIP(ip) == nil {
			out = append(out, fmt.Errorf("clusterDNS: %q is not an IP address", ip))
		}
	}
	if problems := validation.IsDNS1123Subdomain(c.ClusterDomain); len(problems) > 0 {
		out = append(out, fmt.Errorf("clusterDomain: %q: %s", c.ClusterDomain, strings.Join(problems, "; ")))
	}
	for _, name := range c.AllowedUnsafeSysctls {
		if !namespaced(name) {
			out = append(out, fmt.Errorf("allowedUnsafeSysctls: %q is not known to be a sysctl, or a pattern of some, that each pod has of its own", name))
		}
	}
	if c.MaxPods < 0 {
		out = append(out, fmt.Errorf("maxPods: %d: must not be negative", c.MaxPods))
	}
	if size, err := resource.ParseQuantity(c.ContainerLogMaxSize); err != nil || size.Sign() <= 0 {
		out = append(out, fmt.Errorf("containerLogMaxSize: %q is not a size above 0", c.ContainerLogMaxSize))
	}
	if n := *c.ContainerLogMaxFiles; n < 2 {
		out = append(out, fmt.Errorf("containerLogMaxFiles: %d: must be 2 or more", n))
	}
	if n := *c.ContainerLogMaxWorkers; n < 1 {
		out = append(out, fmt.Errorf("containerLogMaxWorkers: %d: must be 1 or more", n))
	}
	if every := c.ContainerLogMonitorInterval.Duration; every < 3*time.Second {
		out = append(out, fmt.Errorf("containerLogMonitorInterval: %v: must be 3s or more", every))
	}
	if limit := c.CrashLoopBackOff.MaxContainerRestartPeriod; limit != nil && (limit.Duration < time.Second || limit.Duration > 300*time.Second) {
		out = append(out, fmt.Errorf("crashLoopBackOff.maxContainerRestartPeriod: %v: must be from 1s to 300s", limit.Duration))
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
	out = append(out, validateReservations(c)...)
	out = append(out, validateImages(c)...)
	if _, err := eviction.Thresholds(c); err != nil {
		out = append(out, err)
	}
	return out
}

// namespaced tells whether all sysctls of the pattern are a pod's own: what one sets, others do not see.
func namespaced(pattern string) bool {
	name := strings.TrimSuffix(pattern, "*")
	if name == "kernel.sem" && name == pattern {
		return true
	}
	for _, prefix := range []string{"kernel.shm", "kernel.msg", "fs.mqueue.", "net."} {
		if strings.HasPrefix(name, prefix) && !strings.Contains(name, "*") {
			return true
		}
	}
	return false
}
