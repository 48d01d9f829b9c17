package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GroupCPU is the processor time used so far by all processes, also ended ones, of the control group that the process is in,
// and by the groups below it. See cgroups(7).
func (p *Process) GroupCPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.pid))
	if err != nil {
		return 0, err
	}
	return groupCPU("/sys/fs/cgroup", string(text))
}

// groupCPU prefers the accounting of version 1, for where both are mounted version 2 has no processor controller.
func groupCPU(root, groups string) (time.Duration, error) {
	var unified string
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		if controllers := strings.Split(fields[1], ","); slices.Contains(controllers, "cpuacct") {
			text, err := os.ReadFile(filepath.Join(root, fields[1], fields[2], "cpuacct.usage"))
			if err != nil {
				return 0, err
			}
			ns, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			return time.Duration(ns), err
		}
		if fields[0] == "0" {
			unified = fields[2]
		}
	}
	text, err := os.ReadFile(filepath.Join(root, unified, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if us, ok := strings.CutPrefix(strings.TrimSpace(line), "usage_usec "); ok {
			n, err := strconv.ParseInt(us, 10, 64)
			return time.Duration(n) * time.Microsecond, err
		}
	}
	return 0, fmt.Errorf("no usage_usec in the cpu.stat of %s", unified)
}
