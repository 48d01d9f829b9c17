package containerd

import (
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"
)

func TestTheConfigurationIsTOMLThatSaysWhatTheMachineCan(t *testing.T) {
	for _, can := range []bool{true, false} {
		b, err := Config{Dir: "/d", Programs: "/p", SandboxImage: "registry.k8s.io/pause:3.10.2",
			Machine: Machine{LowerOOMScore: can, HugeTLB: can, AppArmor: can, Overlay: can}}.Render()
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Version int
			Imports []string
			Plugins map[string]map[string]any
		}
		if err := toml.Unmarshal(b, &config); err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		runtime := config.Plugins["io.containerd.cri.v1.runtime"]
		for _, key := range []string{"restrict_oom_score_adj", "disable_apparmor", "disable_hugetlb_controller"} {
			if runtime[key] != !can {
				t.Errorf("where the machine can: %v, %s = %v", can, key, runtime[key])
			}
		}
		want := map[bool]string{true: "overlayfs", false: "native"}[can]
		if got := config.Plugins["io.containerd.cri.v1.images"]["snapshotter"]; got != want {
			t.Errorf("snapshotter %v, want %s", got, want)
		}
		if config.Version != 4 || config.Imports == nil || len(config.Imports) != 0 {
			t.Errorf("version %d, imports %v; want 4 and none", config.Version, config.Imports)
		}
	}
}

func TestEveryPullGoesToTheOneRegistry(t *testing.T) {
	var hosts struct {
		Server, CA   string
		Capabilities []string
		Host         map[string]any
	}
	if err := toml.Unmarshal(Hosts("https://10.89.0.1:5000", "/d/ca.crt"), &hosts); err != nil {
		t.Fatal(err)
	}
	if hosts.Server != "https://10.89.0.1:5000" || hosts.CA != "/d/ca.crt" || len(hosts.Capabilities) != 2 || len(hosts.Host) != 0 {
		t.Errorf("hosts: %+v", hosts)
	}
}

func TestCapabilitiesAreReadFromTheEffectiveSet(t *testing.T) {
	const without = "CapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\nCapBnd:\t000001ffffffffff\n"
	if hasCapability(without, unix.CAP_SYS_RESOURCE) || !hasCapability(without, unix.CAP_SYS_ADMIN) {
		t.Error("the set is misread")
	}
	if hasCapability(strings.ReplaceAll(without, "fffe", "ffff"), 99) || hasCapability("", unix.CAP_SYS_ADMIN) {
		t.Error("a capability is found where there is none")
	}
}
