package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestWhatANodeCannotGiveIsRefused(t *testing.T) {
	setting := func(name string, hostNetwork bool) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{HostNetwork: hostNetwork,
			SecurityContext: &v1.PodSecurityContext{Sysctls: []v1.Sysctl{{Name: name, Value: "1"}}}}}
	}
	confined := func(kind v1.AppArmorProfileType) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{}, {SecurityContext: &v1.SecurityContext{AppArmorProfile: &v1.AppArmorProfile{Type: kind}}}}}}
	}
	annotated := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"container.apparmor.security.beta.kubernetes.io/c": "localhost/mine"}},
		Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c"}}}}
	strict := &v1.Pod{Spec: v1.PodSpec{SecurityContext: &v1.PodSecurityContext{SupplementalGroupsPolicy: ptr.To(v1.SupplementalGroupsPolicyStrict)}}}
	node := func(can bool) *v1.Node {
		return &v1.Node{Status: v1.NodeStatus{Features: &v1.NodeFeatures{SupplementalGroupsPolicy: &can}}}
	}
	const noAppArmor = "AppArmor Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host"
	lax := Security{AppArmor: true, UnsafeSysctls: []string{"kernel.msg*", "net.core.somaxconn"}}
	for _, c := range []struct {
		name     string
		security Security
		node     *v1.Node
		pod      *v1.Pod
		want     string
	}{
		{"a safe sysctl", Security{}, node(true), setting("kernel.shm_rmid_forced", true), ""},
		{"a safe sysctl with slashes", Security{}, node(true), setting("net/ipv4/tcp_syncookies", false), ""},
		{"an unsafe sysctl", Security{}, node(true), setting("kernel.shmmax", false),
			`SysctlForbidden Pod was rejected: forbidden sysctl: "kernel.shmmax" not allowlisted`},
		{"an unsafe sysctl that is allowed by pattern", lax, node(true), setting("kernel.msgmax", false), ""},
		{"one that is allowed by name", lax, node(true), setting("net/core/somaxconn", false), ""},
		{"one that is not", lax, node(true), setting("net.core.somaxconn2", false),
			`SysctlForbidden Pod was rejected: forbidden sysctl: "net.core.somaxconn2" not allowlisted`},
		{"one that is allowed, of the node's own network", lax, node(true), setting("net.core.somaxconn", true),
			`SysctlForbidden Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled`},
		{"the node's own sysctl", Security{}, node(true), setting("net.ipv4.tcp_syncookies", true),
			`SysctlForbidden Pod was rejected: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled`},
		{"AppArmor where there is none", Security{}, node(true), confined(v1.AppArmorProfileTypeRuntimeDefault), noAppArmor},
		{"by annotation", Security{}, node(true), annotated, noAppArmor},
		{"none wanted", Security{}, node(true), confined(v1.AppArmorProfileTypeUnconfined), ""},
		{"AppArmor where there is", lax, node(true), confined(v1.AppArmorProfileTypeLocalhost), ""},
		{"a policy that the runtime has", Security{}, node(true), strict, ""},
		{"a policy that it has not", Security{}, node(false), strict,
			"SupplementalGroupsPolicyNotSupported Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node"},
		{"a policy, of a node that does not say", Security{}, &v1.Node{}, strict,
			"SupplementalGroupsPolicyNotSupported Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node"},
	} {
		got := ""
		if v := c.security.refuse(c.node, c.pod); v != nil {
			got = v.Reason + " " + v.Message
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
