package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// wanted are the controllers that containers need.
var wanted = []string{"cpu", "cpuset", "memory", "io", "pids", "hugetlb"}

func writeV2(path string, l Limits) error {
	dir := mount
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if err := enable(dir); err != nil {
			return err
		}
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
			return fmt.Errorf("make cgroup: %w", err)
		}
	}
	if err := enable(dir); err != nil {
		return err
	}
	settings := map[string]string{"cpu.weight": strconv.FormatInt(Weight(l.Shares), 10)}
	if l.Quota != 0 {
		settings["cpu.max"] = fmt.Sprintf("%d %d", l.Quota, Period)
	}
	if l.Memory != 0 {
		settings["memory.max"] = strconv.FormatInt(l.Memory, 10)
	}
	for file, value := range settings {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
			return fmt.Errorf("set cgroup limit: %w", err)
		}
	}
	return nil
}

// Weight converts CPU shares (2 to 262144) to version 2's weight (1 to 10000).
func Weight(shares int64) int64 {
	if shares == 0 {
		return 100
	}
	return 1 + (max(shares, minShares)-minShares)*9999/(maxShares-minShares)
}

// enable hands the controllers that the cgroup has down to those below it.
func enable(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	on, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if !has(have, c) || has(on, c) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644); err != nil {
			return fmt.Errorf("enable cgroup controller %s in %s: %w", c, dir, err)
		}
	}
	return nil
}

func has(list []byte, controller string) bool {
	for _, c := range strings.Fields(string(list)) {
		if c == controller {
			return true
		}
	}
	return false
}
