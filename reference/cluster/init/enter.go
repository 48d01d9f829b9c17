package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

const enterVariable = "ETALON_INIT_ENTER"

// enter waits until the launcher has attached this process to its cgroups and network (one byte on
// descriptor 3), furnishes the namespaces, and becomes the supervisor by executing itself anew, so
// that every thread of it lives in the new cgroup namespace.
func enter(s *spec.Spec) error {
	ready := os.NewFile(3, "ready")
	if n, _ := ready.Read(make([]byte, 1)); n != 1 {
		return errors.New("the launcher went away before the node was complete")
	}
	ready.Close()
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cgroup namespace: %w", err)
	}
	if s.Hostname != "" {
		if err := syscall.Sethostname([]byte(s.Hostname)); err != nil {
			return fmt.Errorf("hostname: %w", err)
		}
	}
	for _, step := range s.Setup {
		if err := perform(step); err != nil && !step.Optional {
			return err
		}
	}
	if err := os.Unsetenv(enterVariable); err != nil {
		return err
	}
	return fmt.Errorf("execute again: %w", syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

func perform(s spec.Step) error {
	switch {
	case s.Mount != nil:
		return mount(s.Mount)
	case s.Symlink != nil:
		if err := os.Symlink(s.Symlink.Target, s.Symlink.Link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	case s.Write != nil:
		if err := os.MkdirAll(filepath.Dir(s.Write.File), 0o755); err != nil {
			return err
		}
		return os.WriteFile(s.Write.File, []byte(s.Write.Data), 0o644)
	case s.Pivot != "":
		return pivot(s.Pivot)
	case s.Mkdir != "":
		return os.MkdirAll(s.Mkdir, 0o755)
	}
	return nil
}

func mount(m *spec.Mount) error {
	if err := makeTarget(m); err != nil {
		return err
	}
	if err := syscall.Mount(m.Source, m.Target, m.Type, m.Flags, m.Data); err != nil {
		return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
	}
	return nil
}

func makeTarget(m *spec.Mount) error {
	if _, err := os.Stat(m.Target); err == nil {
		return nil
	}
	if info, err := os.Stat(m.Source); m.Flags&syscall.MS_BIND == 0 || err != nil || info.IsDir() {
		return os.MkdirAll(m.Target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(m.Target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(m.Target, nil, 0o644)
}

// pivot stacks the old root on top of the new one and lets go of it, which needs no directory to put it in.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root to %s: %w", root, err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	return os.Chdir("/")
}
