package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func pod() *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Labels: map[string]string{"app": "x", runtime.PodUIDLabel: "forged"}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "img"}}},
	}
}

func TestSandbox(t *testing.T) {
	n := Node{LogsRoot: "/logs"}
	p := pod()
	p.Spec.Containers[0].Ports = []v1.ContainerPort{{ContainerPort: 80, HostPort: 8080, Protocol: v1.ProtocolUDP, HostIP: "192.0.2.1"}, {ContainerPort: 81}}
	s := n.Sandbox(p, v1.PodQOSBurstable, 2)
	if s.Hostname != "p" || s.LogDirectory != "/logs/ns_p_u" || s.Linux.CgroupParent != "/kubepods/burstable/podu" || s.Metadata.Attempt != 2 {
		t.Errorf("got %v", s)
	}
	if s.Labels[runtime.PodUIDLabel] != "u" || s.Labels["app"] != "x" {
		t.Errorf("labels: got %v; a pod's own label must not forge its identity", s.Labels)
	}
	if len(s.PortMappings) != 1 || s.PortMappings[0].HostPort != 8080 || s.PortMappings[0].Protocol != criv1.Protocol_UDP {
		t.Errorf("port mappings: got %v, want one of UDP 8080", s.PortMappings)
	}
	p.Spec.HostNetwork, p.Spec.ShareProcessNamespace = true, ptr.To(true)
	s = n.Sandbox(p, v1.PodQOSGuaranteed, 0)
	options := s.Linux.SecurityContext.NamespaceOptions
	if s.Hostname != "" || len(s.PortMappings) != 0 || options.Network != criv1.NamespaceMode_NODE || options.Pid != criv1.NamespaceMode_POD {
		t.Errorf("host network: got %v", s)
	}
}

func TestContainer(t *testing.T) {
	p := pod()
	c := &p.Spec.Containers[0]
	c.Command, c.Args = []string{"/x", "$(A)"}, []string{"$$(A)", "$(NOPE)"}
	c.Resources = v1.ResourceRequirements{
		Requests: v1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("1Gi")},
		Limits:   v1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("2Gi")},
	}
	got := Node{Cgroups: cgroups.Policy{Memory: 4 << 30}}.Container(Instance{Pod: p, Container: c, QOS: v1.PodQOSBurstable, Attempt: 3, Image: "sha256:1",
		Env: []env.Var{{Name: "A", Value: "1"}}})
	if diff := cmp.Diff([]string{"/x", "1", "$(A)", "$(NOPE)"}, append(got.Command, got.Args...)); diff != "" {
		t.Errorf("command and args: -want +got:\n%s", diff)
	}
	r := got.Linux.Resources
	if r.CpuShares != 256 || r.CpuQuota != 100000 || r.CpuPeriod != 100000 || r.MemoryLimitInBytes != 2<<30 || r.OomScoreAdj != 750 {
		t.Errorf("resources: got %v", r)
	}
	if got.LogPath != "c/3.log" || got.Annotations[runtime.RestartCountAnnotation] != "3" || got.Labels[runtime.ContainerNameLabel] != "c" {
		t.Errorf("got %v", got)
	}
}

func TestSecurityOfTheContainerWinsOverThePods(t *testing.T) {
	p := pod()
	p.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: ptr.To(int64(1)), RunAsGroup: ptr.To(int64(2)), FSGroup: ptr.To(int64(3)),
		SupplementalGroups: []int64{4}, SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}}
	c := &p.Spec.Containers[0]
	c.SecurityContext = &v1.SecurityContext{RunAsUser: ptr.To(int64(10)), AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem: ptr.To(true), Capabilities: &v1.Capabilities{Drop: []v1.Capability{"ALL"}}}
	s := Node{}.security(p, c, "")
	if s.RunAsUser.Value != 10 || s.RunAsGroup.Value != 2 || !s.NoNewPrivs || !s.ReadonlyRootfs {
		t.Errorf("got %v", s)
	}
	if diff := cmp.Diff([]int64{4, 3}, s.SupplementalGroups); diff != "" {
		t.Errorf("groups: -want +got:\n%s", diff)
	}
	if s.Seccomp.ProfileType != criv1.SecurityProfile_RuntimeDefault || s.Capabilities.DropCapabilities[0] != "ALL" || len(s.MaskedPaths) == 0 {
		t.Errorf("got %v", s)
	}
	if got := (Node{}).security(p, c, "abc").NamespaceOptions; got.Pid != criv1.NamespaceMode_TARGET || got.TargetId != "abc" {
		t.Errorf("with a target: got %v", got)
	}
	if got := (Node{}).security(pod(), &v1.Container{}, ""); got.Seccomp.ProfileType != criv1.SecurityProfile_Unconfined || got.RunAsUser != nil {
		t.Errorf("without a word: got %v, want unconfined, user by image", got)
	}
}

func TestCheckNonRoot(t *testing.T) {
	yes := &v1.PodSecurityContext{RunAsNonRoot: ptr.To(true)}
	for _, c := range []struct {
		name  string
		pod   *v1.PodSecurityContext
		user  *int64
		image *criv1.Image
		want  string
	}{
		{"not asked for", nil, nil, &criv1.Image{}, ""},
		{"root by the image", yes, nil, &criv1.Image{}, "image will run as root"},
		{"a number by the image", yes, nil, &criv1.Image{Uid: &criv1.Int64Value{Value: 5}}, ""},
		{"a name by the image", yes, nil, &criv1.Image{Username: "www"}, "image has non-numeric user (www), cannot verify user is non-root"},
		{"root by the container", yes, ptr.To(int64(0)), &criv1.Image{}, "runAsUser breaks non-root policy"},
		{"a number by the container", yes, ptr.To(int64(7)), &criv1.Image{}, ""},
	} {
		p := pod()
		p.Spec.SecurityContext = c.pod
		p.Spec.Containers[0].SecurityContext = &v1.SecurityContext{RunAsUser: c.user}
		err := CheckNonRoot(p, &p.Spec.Containers[0], c.image)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
