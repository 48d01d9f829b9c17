package cgroups

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// unlimited is what version 1 says of memory that has no limit, or more.
const unlimited = 1 << 62

// Read returns the limits of CPU time and memory that the cgroup has; 0 stands for none, and for what cannot be read.
func (m *Manager) Read(path string) Limits {
	if m.Unified() {
		return readV2(filepath.Join(m.mount, path))
	}
	cpu, memory := filepath.Join(m.mount, "cpu", path), filepath.Join(m.mount, "memory", path)
	l := Limits{Memory: number(filepath.Join(memory, "memory.limit_in_bytes"))}
	if l.Memory >= unlimited {
		l.Memory = 0
	}
	if l.Quota = number(filepath.Join(cpu, "cpu.cfs_quota_us")); l.Quota > 0 {
		l.Period = number(filepath.Join(cpu, "cpu.cfs_period_us"))
	}
	return l
}

func readV2(dir string) Limits {
	l := Limits{Memory: number(filepath.Join(dir, "memory.max"))}
	text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if fields := strings.Fields(string(text)); err == nil && len(fields) == 2 && fields[0] != "max" {
		l.Quota, l.Period = parse(fields[0]), parse(fields[1])
	}
	return l
}

// number is what the file says, 0 if that is no positive number.
func number(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	return parse(strings.TrimSpace(string(text)))
}

func parse(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
