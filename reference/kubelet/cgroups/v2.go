package cgroups

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// wanted are the controllers that containers need.
var wanted = []string{"cpu", "cpuset", "memory", "io", "pids", "hugetlb"}

func writeV2(mount, path string, l Limits) error {
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
	settings := map[string]string{}
	if l.Shares != 0 {
		settings["cpu.weight"] = strconv.FormatInt(Weight(l.Shares), 10)
	}
	if l.Quota != 0 {
		settings["cpu.max"] = fmt.Sprintf("%d %d", l.Quota, l.Period)
	}
	if l.Memory != 0 {
		settings["memory.max"] = strconv.FormatInt(l.Memory, 10)
	}
	if l.Pids != 0 {
		settings["pids.max"] = strconv.FormatInt(l.Pids, 10)
	}
	for file, value := range settings {
		if err := set(dir, file, value); err != nil {
			return err
		}
	}
	return writeHugePages(dir, ".max", l)
}

// Weight converts CPU shares (2 to 262144) to version 2's weight (1 to 10000), so that the least, the most and
// the usual of one (2, 262144, 1024) are those of the other (1, 10000, 100). In between a quadratic function of
// the logarithms connects them, as runc and crun compute it (KEP-2254).
func Weight(shares int64) int64 {
	switch {
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	return int64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
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
