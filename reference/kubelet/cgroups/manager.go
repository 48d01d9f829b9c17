package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
)

// mount is where the kernel's cgroups are.
const mount = "/sys/fs/cgroup"

// removeFor bounds how long a cgroup may stay busy after its last process ended.
const removeFor = 3 * time.Second

// Manager makes and removes cgroups.
type Manager struct {
	// hierarchies are the roots under which a cgroup exists: one in version 2, one per
	// controller in version 1.
	hierarchies []string
	mount       string
	write       func(mount, path string, l Limits) error
}

// New finds out which version the machine has and returns the Manager for it.
func New() (*Manager, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(mount, &s); err != nil {
		return nil, fmt.Errorf("no cgroups at %s: %w", mount, err)
	}
	if s.Type == unix.CGROUP2_SUPER_MAGIC {
		return &Manager{hierarchies: []string{mount}, mount: mount, write: writeV2}, nil
	}
	entries, err := os.ReadDir(mount)
	if err != nil {
		return nil, err
	}
	m := &Manager{mount: mount, write: writeV1}
	for _, e := range entries {
		dir := filepath.Join(mount, e.Name())
		// Combined controllers (cpu,cpuacct) have symlinks beside them.
		if e.IsDir() && isCgroup(dir) {
			m.hierarchies = append(m.hierarchies, dir)
		}
	}
	if len(m.hierarchies) == 0 {
		return nil, fmt.Errorf("no cgroup controllers are mounted under %s", mount)
	}
	return m, nil
}

func isCgroup(dir string) bool {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return err == nil && (s.Type == unix.CGROUP_SUPER_MAGIC || s.Type == unix.CGROUP2_SUPER_MAGIC)
}

// Ensure makes the cgroup and those above it, and sets its limits.
func (m *Manager) Ensure(path string, l Limits) error {
	return m.write(m.mount, path, l)
}

// Remove removes the cgroup with all below it, in every hierarchy, and kills what still runs
// there: the runtime may have lost sight of it. That the cgroup does not exist is no error.
func (m *Manager) Remove(path string) error {
	var failures []error
	for _, h := range m.hierarchies {
		if err := removeTree(filepath.Join(h, path)); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// Pods returns the path of every pod's cgroup that exists, by the pod's uid.
func (m *Manager) Pods() map[types.UID]string {
	pods := map[types.UID]string{}
	for _, h := range m.hierarchies {
		for _, class := range []string{"", "burstable", "besteffort"} {
			dir := filepath.Join(Root, class)
			entries, err := os.ReadDir(filepath.Join(h, dir))
			if err != nil {
				continue
			}
			for _, e := range entries {
				if uid, ok := strings.CutPrefix(e.Name(), "pod"); ok && e.IsDir() {
					pods[types.UID(uid)] = filepath.Join(dir, e.Name())
				}
			}
		}
	}
	return pods
}

// removeTree removes directories from the leaves up: the files in them are the kernel's.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := removeBusy(dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// removeBusy removes one directory; the kernel calls it busy until the last of its processes
// is reaped.
func removeBusy(dir string) error {
	killAll(dir)
	for waited, pause := time.Duration(0), time.Millisecond; ; waited, pause = waited+pause, min(2*pause, 100*time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || waited > removeFor {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		time.Sleep(pause)
	}
}

// Unified tells whether the machine has cgroups version 2.
func (m *Manager) Unified() bool {
	return len(m.hierarchies) == 1 && m.hierarchies[0] == m.mount
}

// MemoryUsage is how much memory is in use in the cgroup, in bytes; false if the kernel does not tell.
func (m *Manager) MemoryUsage(path string) (int64, bool) {
	file := filepath.Join(m.mount, "memory", path, "memory.usage_in_bytes")
	if m.Unified() {
		file = filepath.Join(m.mount, path, "memory.current")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// Swaps tells whether swapping can be limited per cgroup in version 2; in version 1 the runtime sees to it.
func (m *Manager) Swaps() bool {
	if !m.Unified() {
		return false
	}
	_, err := os.Stat(filepath.Join(m.mount, Root, "memory.swap.max"))
	return err == nil
}

// killAll kills the processes that are directly in the cgroup.
func killAll(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for _, field := range strings.Fields(string(text)) {
		// 0 stands for a process of another PID namespace, which is not ours to kill.
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}
