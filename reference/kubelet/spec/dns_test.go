package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestDNS(t *testing.T) {
	d := DNS{Servers: []string{"10.96.0.10"}, Domain: "cluster.local",
		Host: ParseResolvConf("# x\nnameserver 192.0.2.53\nsearch example.org .\noptions timeout:1 rotate\n")}
	type conf struct{ Servers, Searches, Options []string }
	cluster := []string{"ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.org"}
	own := &v1.PodDNSConfig{Nameservers: []string{"192.0.2.1"}, Searches: []string{"my.org"},
		Options: []v1.PodDNSConfigOption{{Name: "ndots", Value: ptr.To("2")}, {Name: "edns0"}}}
	for _, c := range []struct {
		name string
		spec v1.PodSpec
		want conf
	}{
		{"ClusterFirst", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst}, conf{d.Servers, cluster, []string{"ndots:5"}}},
		{"ClusterFirst on the host network", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst, HostNetwork: true},
			conf{[]string{"192.0.2.53"}, []string{"example.org"}, []string{"timeout:1", "rotate"}}},
		{"ClusterFirstWithHostNet", v1.PodSpec{DNSPolicy: v1.DNSClusterFirstWithHostNet, HostNetwork: true},
			conf{d.Servers, cluster, []string{"ndots:5"}}},
		{"Default", v1.PodSpec{DNSPolicy: v1.DNSDefault}, conf{[]string{"192.0.2.53"}, []string{"example.org"}, []string{"timeout:1", "rotate"}}},
		{"None", v1.PodSpec{DNSPolicy: v1.DNSNone, DNSConfig: own}, conf{[]string{"192.0.2.1"}, []string{"my.org"}, []string{"ndots:2", "edns0"}}},
		{"ClusterFirst with its own", v1.PodSpec{DNSPolicy: v1.DNSClusterFirst, DNSConfig: own},
			conf{[]string{"10.96.0.10", "192.0.2.1"}, append(cluster[:4:4], "my.org"), []string{"ndots:2", "edns0"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.For(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: c.spec})
			if diff := cmp.Diff(c.want, conf{got.Servers, got.Searches, got.Options}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-0", Namespace: "ns"},
		Spec:       v1.PodSpec{Subdomain: "web", HostAliases: []v1.HostAlias{{IP: "192.0.2.7", Hostnames: []string{"a", "b"}}}},
	}
	want := `# Kubernetes-managed hosts file.
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
fe00::0	ip6-mcastprefix
fe00::1	ip6-allnodes
fe00::2	ip6-allrouters
10.244.1.5	web-0.web.ns.svc.cluster.local	web-0

# Entries added by HostAliases.
192.0.2.7	a	b
`
	if diff := cmp.Diff(want, Hosts(pod, []string{"10.244.1.5"}, "cluster.local", "")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	host := &v1.Pod{Spec: v1.PodSpec{HostNetwork: true}}
	want = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n"
	if diff := cmp.Diff(want, Hosts(host, nil, "cluster.local", "127.0.0.1 me\n")); diff != "" {
		t.Errorf("host network: -want +got:\n%s", diff)
	}
}

func TestHostnameHasAtMost63Bytes(t *testing.T) {
	long := "a123456789-123456789-123456789-123456789-123456789-123456789-.x"
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: long + "yyyy"}}
	if got := Hostname(pod); len(got) > 63 || got[len(got)-1] == '-' || got[len(got)-1] == '.' {
		t.Errorf("got %q", got)
	}
	pod.Spec.HostnameOverride = ptr.To(strings.Repeat("o", 62) + ".x")
	pod.Spec.Subdomain = "sub"
	if got := Hostname(pod); got != *pod.Spec.HostnameOverride || Subdomain(pod, "cluster.local") != "" {
		t.Errorf("an override of 64 bytes became %q in %q", got, Subdomain(pod, "cluster.local"))
	}
	pod.Spec.HostnameOverride = nil
	pod.Spec.Hostname = "h"
	if got := Hostname(pod); got != "h" {
		t.Errorf("spec.hostname: got %q", got)
	}
}
