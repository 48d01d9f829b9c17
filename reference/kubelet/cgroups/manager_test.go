package cgroups

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestEnsureAndRemove uses the machine's own cgroups, below one of its own.
func TestEnsureAndRemove(t *testing.T) {
	m, err := New()
	if err != nil || os.Getuid() != 0 {
		t.Skipf("needs root and cgroups: %v", err)
	}
	path := filepath.Join("/etalon-test-"+strconv.Itoa(os.Getpid()), "pod")
	if err := m.Ensure(path, Limits{Shares: 512, Quota: 50000, Period: Period, Memory: 64 << 20}); err != nil {
		t.Skipf("cgroups cannot be made here: %v", err)
	}
	defer m.Remove(filepath.Dir(path))
	sleeper := exec.Command("sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeper.Wait() }()
	made := 0
	for _, h := range m.hierarchies {
		procs := filepath.Join(h, path, "cgroup.procs")
		if _, err := os.Stat(procs); err != nil {
			continue
		}
		made++
		if err := os.WriteFile(procs, []byte(strconv.Itoa(sleeper.Process.Pid)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if made == 0 {
		t.Fatal("no cgroup was made")
	}
	if err := m.Remove(path); err != nil {
		t.Fatal(err)
	}
	<-ended // Remove killed it; else the test's own timeout tells
	for _, h := range m.hierarchies {
		if _, err := os.Stat(filepath.Join(h, path)); err == nil {
			t.Errorf("%s is still there in %s", path, h)
		}
	}
	if err := m.Remove(path); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}
