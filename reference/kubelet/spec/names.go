// Package spec translates a pod into what the container runtime is told. It does no I/O.
package spec

import (
	"fmt"
	"path"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Hostname is the name that the pod's containers have, at most 63 bytes.
func Hostname(pod *v1.Pod) string {
	if pod.Spec.HostnameOverride != nil {
		// Its own limit, the kernel's, is 64 bytes.
		return *pod.Spec.HostnameOverride
	}
	name := pod.Name
	if pod.Spec.Hostname != "" {
		name = pod.Spec.Hostname
	}
	if len(name) > 63 {
		name = strings.TrimRight(name[:63], "-.")
	}
	return name
}

// Subdomain is the DNS domain of the pod's hostname, empty without spec.subdomain and for a name of its own (KEP-4762).
func Subdomain(pod *v1.Pod, clusterDomain string) string {
	if pod.Spec.Subdomain == "" || pod.Spec.HostnameOverride != nil {
		return ""
	}
	return fmt.Sprintf("%s.%s.svc.%s", pod.Spec.Subdomain, pod.Namespace, clusterDomain)
}

// LogDirectory is where the logs of the pod's containers are, below the directory for all pods.
func LogDirectory(root string, namespace, name, uid string) string {
	return path.Join(root, namespace+"_"+name+"_"+uid)
}

// LogPath is where an instance's log is, below its pod's directory.
func LogPath(container string, attempt uint32) string {
	return path.Join(container, fmt.Sprintf("%d.log", attempt))
}
