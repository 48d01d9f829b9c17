package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// writeV1 makes the cgroup in the hierarchies whose limits we set; the runtime makes it in
// the others when it needs it.
func writeV1(mount, path string, l Limits) error {
	settings := []struct {
		controller, file string
		value            int64
	}{
		{"cpu", "cpu.shares", l.Shares},
		{"cpu", "cpu.cfs_period_us", l.Period},
		{"cpu", "cpu.cfs_quota_us", l.Quota},
		{"memory", "memory.limit_in_bytes", l.Memory},
		{"pids", "pids.max", l.Pids},
	}
	for _, s := range settings {
		dir := filepath.Join(mount, s.controller, path)
		if s.controller == "pids" && s.value == 0 {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if s.value == 0 {
			continue
		}
		if err := set(dir, s.file, strconv.FormatInt(s.value, 10)); err != nil {
			return err
		}
	}
	return writeHugePagesV1(mount, path, l)
}

// writeHugePagesV1 does nothing where the kernel does not limit huge pages.
func writeHugePagesV1(mount, path string, l Limits) error {
	if l.HugePages == nil {
		return nil
	}
	root := filepath.Join(mount, "hugetlb")
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		return nil
	}
	dir := filepath.Join(root, path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make cgroup: %w", err)
	}
	return writeHugePages(dir, ".limit_in_bytes", l)
}

// writeHugePages sets the limit of each page size that the kernel has a file hugetlb.SIZE followed by suffix for.
func writeHugePages(dir, suffix string, l Limits) error {
	if l.HugePages == nil {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "hugetlb.*"+suffix))
	if err != nil {
		return err
	}
	for _, file := range files {
		size, ok := pageSize(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "hugetlb."), suffix))
		if !ok {
			continue
		}
		if err := set(dir, filepath.Base(file), strconv.FormatInt(l.HugePages[size], 10)); err != nil {
			return err
		}
	}
	return nil
}

// pageSize translates the kernel's name of a page size (2MB) to the API's (2Mi).
func pageSize(kernel string) (string, bool) {
	size, ok := strings.CutSuffix(kernel, "B")
	if !ok || size == "" {
		return "", false
	}
	if _, err := strconv.Atoi(size[:len(size)-1]); err != nil {
		return "", false
	}
	if unit := size[len(size)-1:]; unit == "K" || unit == "M" || unit == "G" {
		return size + "i", true
	}
	return "", false
}

// KernelPageSize translates the API's name of a page size (2Mi) to the kernel's (2MB).
func KernelPageSize(size string) string { return strings.TrimSuffix(size, "i") + "B" }

func set(dir, file, value string) error {
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
		return fmt.Errorf("set cgroup limit: %w", err)
	}
	return nil
}
