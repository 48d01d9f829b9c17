package spec

import (
	"encoding/json"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestThePauseProfileAllowsWhatIsNamedAndNothingElse(t *testing.T) {
	text, err := PauseProfile()
	if err != nil {
		t.Fatal(err)
	}
	var p specs.LinuxSeccomp
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	if p.DefaultAction != specs.ActErrno || len(p.Syscalls) != 1 || p.Syscalls[0].Action != specs.ActAllow {
		t.Fatalf("got %s", text)
	}
	names := p.Syscalls[0].Names
	for _, dangerous := range []string{"mount", "umount2", "bpf", "ptrace", "init_module", "kexec_load", "keyctl", "unshare", "setns", "socket", "connect", "reboot", "perf_event_open"} {
		if slices.Contains(names, dangerous) {
			t.Errorf("%s is allowed", dangerous)
		}
	}
	if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) {
		t.Error("a call is named twice")
	}
}

func TestASandboxHasTheProfileOfTheNode(t *testing.T) {
	for want, n := range map[criv1.SecurityProfile_ProfileType]Node{
		criv1.SecurityProfile_RuntimeDefault: {},
		criv1.SecurityProfile_Localhost:      {PauseProfile: "/p"},
	} {
		got := n.Sandbox(&v1.Pod{}, v1.PodQOSBestEffort, 0).Linux.SecurityContext.Seccomp
		if got.ProfileType != want || got.LocalhostRef != n.PauseProfile {
			t.Errorf("want %v, got %v", want, got)
		}
	}
}
