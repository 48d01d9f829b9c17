package containerd

import (
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
)

// Machine is what containerd must know of the machine it runs on.
type Machine struct {
	// LowerOOMScore is false where oom_score_adj cannot be lowered (no CAP_SYS_RESOURCE).
	LowerOOMScore bool
	// HugeTLB is true where the hugetlb controller can be used.
	HugeTLB bool
	// AppArmor is true where profiles can be loaded.
	AppArmor bool
	// Overlay is false where dir lies on a file system on which overlayfs cannot stack its upper layer.
	Overlay bool
}

// Detect looks at this machine, and at the file system of dir.
func Detect(dir string, groups *cgroup.Layout) Machine {
	status, _ := os.ReadFile("/proc/self/status")
	armor, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	_, noParser := exec.LookPath("apparmor_parser")
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	return Machine{
		LowerOOMScore: hasCapability(string(status), unix.CAP_SYS_RESOURCE),
		HugeTLB:       groups.Has("hugetlb"),
		AppArmor:      strings.HasPrefix(string(armor), "Y") && noParser == nil,
		Overlay:       err != nil || fs.Type != unix.OVERLAYFS_SUPER_MAGIC,
	}
}

// hasCapability looks into the effective set in the text of /proc/PID/status.
func hasCapability(status string, capability uint) bool {
	for line := range strings.Lines(status) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return err == nil && set&(1<<capability) != 0
		}
	}
	return false
}
