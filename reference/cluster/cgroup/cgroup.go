// Package cgroup gives each node its own part of the machine's control groups, in either version of
// them. All that differs between the versions is in this package.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

const root = "/sys/fs/cgroup"

// Layout is how this machine's control groups are mounted.
type Layout struct {
	// Unified is true for version 2: one hierarchy, at /sys/fs/cgroup itself.
	Unified bool
	// Hierarchies are the mounts of version 1, and the unified one that may be beside them.
	Hierarchies []Hierarchy
}

// Hierarchy is one mounted tree of groups.
type Hierarchy struct {
	// Name is its directory below /sys/fs/cgroup; empty for version 2.
	Name string
	// Type is cgroup or cgroup2.
	Type string
	// Options are those to mount it again with, such as "cpu,cpuacct".
	Options string
}

func (h Hierarchy) dir(group string) string { return filepath.Join(root, h.Name, group) }

// Detect reads how control groups are mounted here.
func Detect() (*Layout, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	l := parse(string(mounts))
	if len(l.Hierarchies) == 0 {
		return nil, fmt.Errorf("no control groups are mounted at %s", root)
	}
	return l, nil
}

// parse finds the hierarchies in the text of mountinfo(5).
func parse(mountinfo string) *Layout {
	l := &Layout{}
	seen := map[string]bool{}
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		name, below := strings.CutPrefix(fields[4], root)
		name = strings.TrimPrefix(name, "/")
		if !below || strings.Contains(name, "/") || seen[name] {
			continue
		}
		switch {
		case tail[0] == "cgroup2" && name == "":
			return &Layout{Unified: true, Hierarchies: []Hierarchy{{Type: "cgroup2"}}}
		case tail[0] == "cgroup2":
			l.Hierarchies = append(l.Hierarchies, Hierarchy{Name: name, Type: "cgroup2"})
		case tail[0] == "cgroup":
			l.Hierarchies = append(l.Hierarchies, Hierarchy{Name: name, Type: "cgroup", Options: controllers(tail[2])})
		default:
			continue
		}
		seen[name] = true
	}
	return l
}

// controllers keeps of a mount's options what says which hierarchy it is.
func controllers(options string) string {
	var keep []string
	for _, o := range strings.Split(options, ",") {
		switch {
		case o == "rw" || o == "ro" || o == "xattr" || o == "clone_children" || strings.HasPrefix(o, "release_agent="):
		case strings.HasPrefix(o, "name="):
			keep = append(keep, "none", o)
		default:
			keep = append(keep, o)
		}
	}
	return strings.Join(keep, ",")
}

// Has reports whether a controller, such as "hugetlb", can be used here.
func (l *Layout) Has(controller string) bool {
	if l.Unified {
		b, _ := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		return slices.Contains(strings.Fields(string(b)), controller)
	}
	for _, h := range l.Hierarchies {
		if slices.Contains(strings.Split(h.Options, ","), controller) {
			return true
		}
	}
	return false
}

// Create makes a group, and those above it, in every hierarchy, with all controllers at hand.
func (l *Layout) Create(group string) error {
	for _, h := range l.Hierarchies {
		path := ""
		for _, part := range strings.Split(group, "/") {
			if err := h.handDown(path); err != nil {
				return fmt.Errorf("control group %s: %w", h.dir(path), err)
			}
			above := path
			path = filepath.Join(path, part)
			if err := os.Mkdir(h.dir(path), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
			if err := h.fill(path, above); err != nil {
				return fmt.Errorf("control group %s: %w", h.dir(path), err)
			}
		}
	}
	return nil
}

// handDown lets the children of a group of version 2 use all controllers that it has itself.
func (h Hierarchy) handDown(group string) error {
	if h.Type != "cgroup2" {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(h.dir(group), "cgroup.controllers"))
	if err != nil {
		return err
	}
	return enable(filepath.Join(h.dir(group), "cgroup.subtree_control"), strings.Fields(string(b)))
}

// fill gives a group of the cpuset of version 1, which begins without CPUs and memory, those of the
// group above, and has its own children begin with them too.
func (h Hierarchy) fill(group, above string) error {
	if h.Type == "cgroup2" || !slices.Contains(strings.Split(h.Options, ","), "cpuset") {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		b, err := os.ReadFile(filepath.Join(h.dir(above), file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(h.dir(group), file), b, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(h.dir(group), "cgroup.clone_children"), []byte("1"), 0o644)
}

// useful are the controllers that nodes and their pods are given.
var useful = []string{"cpu", "cpuset", "memory", "pids", "io", "hugetlb"}

func enable(file string, controllers []string) error {
	for _, c := range useful {
		if !slices.Contains(controllers, c) {
			continue
		}
		err := os.WriteFile(file, []byte("+"+c), 0o644)
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("controller %s cannot be handed down, as processes live in this very group (is this a container with a control group namespace of its own?): %w", c, err)
		}
		// Some controllers cannot be handed down for reasons of their own (cpu, while realtime processes exist).
		if err != nil && c == "memory" {
			return err
		}
	}
	return nil
}

// Add puts a process into a group.
func (l *Layout) Add(group string, pid int) error {
	for _, h := range l.Hierarchies {
		if err := os.WriteFile(filepath.Join(h.dir(group), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// Steps mount the groups below newRoot in a node whose control group namespace begins at its own group.
func (l *Layout) Steps(newRoot string) []spec.Step {
	at := filepath.Join(newRoot, root)
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if l.Unified {
		// A group that hands down controllers may hold no process itself, so the node's own go one down.
		steps := []spec.Step{
			{Mount: &spec.Mount{Source: "cgroup2", Target: at, Type: "cgroup2", Flags: flags}},
			{Mkdir: filepath.Join(at, "node")},
			{Write: &spec.Write{File: filepath.Join(at, "node", "cgroup.procs"), Data: "0"}},
		}
		for _, c := range useful {
			steps = append(steps, spec.Step{Write: &spec.Write{File: filepath.Join(at, "cgroup.subtree_control"), Data: "+" + c}, Optional: c != "memory"})
		}
		return steps
	}
	steps := []spec.Step{{Mount: &spec.Mount{Source: "tmpfs", Target: at, Type: "tmpfs", Flags: flags, Data: "mode=755"}}}
	for _, h := range l.Hierarchies {
		steps = append(steps, spec.Step{Mount: &spec.Mount{Source: h.Type, Target: filepath.Join(at, h.Name), Type: h.Type, Flags: flags, Data: h.Options}})
		// Controllers that share a hierarchy are also looked for by each one's name.
		if parts := strings.Split(h.Options, ","); len(parts) > 1 && h.Name == h.Options {
			for _, p := range parts {
				steps = append(steps, spec.Step{Symlink: &spec.Symlink{Target: h.Name, Link: filepath.Join(at, p)}})
			}
		}
	}
	return steps
}

// Remove removes a group with all below it, once its last processes have gone; it waits up to patience for that.
func (l *Layout) Remove(group string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for _, h := range l.Hierarchies {
		for {
			err := removeTree(h.dir(group))
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("control group: %w", err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// RemoveEmpty removes a group if nothing is in it.
func (l *Layout) RemoveEmpty(group string) {
	for _, h := range l.Hierarchies {
		_ = os.Remove(h.dir(group))
	}
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
