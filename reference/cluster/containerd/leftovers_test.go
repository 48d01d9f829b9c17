package containerd

import (
	"reflect"
	"testing"
)

func TestLeftoversAreWhatNoSandboxHas(t *testing.T) {
	found := leftovers{
		netns:     []string{"/run/netns/cni-1", "/run/netns/cni-2"},
		addresses: map[string]string{"/ipam/10.244.1.2": "a", "/ipam/10.244.1.3": "b"},
		shims:     map[int]string{10: "a", 11: "b"},
	}
	got := found.nobodys(map[string]string{"a": `{"runtimeSpec":{"linux":{"namespaces":[{"type":"network","path":"/run/netns/cni-1"}]}}}`})
	want := leftovers{netns: []string{"/run/netns/cni-2"}, addresses: map[string]string{"/ipam/10.244.1.3": "b"}, shims: map[int]string{11: "b"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if all := found.nobodys(nil); !reflect.DeepEqual(all, found) {
		t.Errorf("without sandboxes all is nobody's: %+v", all)
	}
}

func TestAShimIsKnownByItsArguments(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "abc", "-address", "/s", ""}, "abc"},
		{[]string{"/bin/containerd-shim-runc-v2", "-id"}, ""},
		{[]string{"/usr/bin/containerd-shim-runc-v2", "-id", "abc"}, ""},
		{[]string{"/bin/sleep", "-id", "abc"}, ""},
		{[]string{""}, ""},
	} {
		if got := shimOf("/bin", test.arguments); got != test.want {
			t.Errorf("%q: got %q, want %q", test.arguments, got, test.want)
		}
	}
}
