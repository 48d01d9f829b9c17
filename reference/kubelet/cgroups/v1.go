package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// writeV1 makes the cgroup in the hierarchies whose limits we set; the runtime makes it in
// the others when it needs it.
func writeV1(path string, l Limits) error {
	settings := []struct {
		controller, file string
		value            int64
	}{
		{"cpu", "cpu.shares", l.Shares},
		{"cpu", "cpu.cfs_period_us", periodIf(l.Quota)},
		{"cpu", "cpu.cfs_quota_us", l.Quota},
		{"memory", "memory.limit_in_bytes", l.Memory},
	}
	for _, s := range settings {
		dir := filepath.Join(mount, s.controller, path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if s.value == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, s.file), []byte(strconv.FormatInt(s.value, 10)), 0o644); err != nil {
			return fmt.Errorf("set cgroup limit: %w", err)
		}
	}
	return nil
}

func periodIf(quota int64) int64 {
	if quota == 0 {
		return 0
	}
	return Period
}
