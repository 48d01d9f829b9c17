package pods

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/node/util/sysctl"
)

// safeSysctls are those that a pod may set on any node: they are the pod's own, and harm no other.
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
var safeSysctls = sets.New(
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ping_group_range",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_wmem",
)

// forbiddenSysctl says why the pod may not set the sysctls that it asks for; empty means that it may.
func forbiddenSysctl(pod *v1.Pod, unsafe []string) string {
	if pod.Spec.SecurityContext == nil {
		return ""
	}
	for _, s := range pod.Spec.SecurityContext.Sysctls {
		name := sysctl.NormalizeName(s.Name)
		if !safeSysctls.Has(name) && !allows(unsafe, name) {
			return fmt.Sprintf("forbidden sysctl: %q not allowlisted", s.Name)
		}
		space, _, _ := sysctl.GetNamespace(name)
		if space == sysctl.NetNamespace && pod.Spec.HostNetwork || space == sysctl.IPCNamespace && pod.Spec.HostIPC {
			return fmt.Sprintf("forbidden sysctl: %q not allowed with host %s enabled", s.Name, space)
		}
	}
	return ""
}
