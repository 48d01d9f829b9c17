package spec

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// DNS is what a node knows of name resolution.
type DNS struct {
	// Servers are the cluster's DNS servers, Domain the cluster's domain.
	Servers []string
	Domain  string
	// Host is the node's own configuration.
	Host *criv1.DNSConfig
}

// For returns the pod's resolv.conf (docs: services-networking/dns-pod-service, "Pod's DNS Policy").
func (d DNS) For(pod *v1.Pod) *criv1.DNSConfig {
	var c criv1.DNSConfig
	switch policy := d.policy(pod); policy {
	case v1.DNSNone:
	case v1.DNSClusterFirst:
		c.Servers = slices.Clone(d.Servers)
		c.Searches = append([]string{
			pod.Namespace + ".svc." + d.Domain, "svc." + d.Domain, d.Domain,
		}, d.Host.GetSearches()...)
		c.Options = []string{"ndots:5"}
	default:
		c.Servers = slices.Clone(d.Host.GetServers())
		c.Searches = slices.Clone(d.Host.GetSearches())
		c.Options = slices.Clone(d.Host.GetOptions())
	}
	if own := pod.Spec.DNSConfig; own != nil {
		c.Servers = union(c.Servers, own.Nameservers)
		c.Searches = union(c.Searches, own.Searches)
		c.Options = options(c.Options, own.Options)
	}
	return &c
}

// policy resolves the pod's policy to ClusterFirst, Default or None.
func (d DNS) policy(pod *v1.Pod) v1.DNSPolicy {
	policy := pod.Spec.DNSPolicy
	switch {
	case policy == v1.DNSNone || policy == v1.DNSDefault:
		return policy
	case policy != v1.DNSClusterFirstWithHostNet && pod.Spec.HostNetwork, len(d.Servers) == 0:
		return v1.DNSDefault
	default:
		return v1.DNSClusterFirst
	}
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// options merges the pod's options into those of its policy; the pod's win.
func options(base []string, own []v1.PodDNSConfigOption) []string {
	for _, o := range own {
		base = slices.DeleteFunc(base, func(s string) bool {
			name, _, _ := strings.Cut(s, ":")
			return name == o.Name
		})
		text := o.Name
		if o.Value != nil && *o.Value != "" {
			text += ":" + *o.Value
		}
		base = append(base, text)
	}
	return base
}

// ParseResolvConf reads the text of a resolv.conf.
func ParseResolvConf(text string) *criv1.DNSConfig {
	c := &criv1.DNSConfig{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			c.Servers = append(c.Servers, fields[1])
		case "search":
			c.Searches = nil
			for _, s := range fields[1:] {
				if s != "." {
					c.Searches = append(c.Searches, strings.TrimSuffix(s, "."))
				}
			}
		case "options":
			c.Options = append(c.Options, fields[1:]...)
		}
	}
	return c
}
