package spec

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Hosts returns the pod's /etc/hosts: its own name and its hostAliases. node is the node's
// file, which pods on the host network see.
func Hosts(pod *v1.Pod, ips []string, clusterDomain, node string) string {
	var b strings.Builder
	if pod.Spec.HostNetwork {
		b.WriteString("# Kubernetes-managed hosts file (host network).\n")
		b.WriteString(node)
	} else {
		b.WriteString("# Kubernetes-managed hosts file.\n" +
			"127.0.0.1\tlocalhost\n" +
			"::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"fe00::0\tip6-localnet\n" +
			"fe00::0\tip6-mcastprefix\n" +
			"fe00::1\tip6-allnodes\n" +
			"fe00::2\tip6-allrouters\n")
		name := Hostname(pod)
		if domain := Subdomain(pod, clusterDomain); domain != "" {
			name = fmt.Sprintf("%s.%s\t%s", name, domain, name)
		}
		for _, ip := range ips {
			fmt.Fprintf(&b, "%s\t%s\n", ip, name)
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		b.WriteString("\n# Entries added by HostAliases.\n")
		for _, a := range pod.Spec.HostAliases {
			fmt.Fprintf(&b, "%s\t%s\n", a.IP, strings.Join(a.Hostnames, "\t"))
		}
	}
	return b.String()
}
