package pressure

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAlarmAt(t *testing.T) {
	if got := alarmAt(1000, 100, 50); got != 950 {
		t.Errorf("got %d: 50 of 950 can be had back at once, which leaves 100", got)
	}
}

// The kernel's version 1 tells at once that a group uses more than the limit.
func TestTheKernelTellsOfUsage(t *testing.T) {
	const mount = "/sys/fs/cgroup/memory"
	group := "/etalon-notices-" + strconv.Itoa(os.Getpid())
	if err := os.Mkdir(mount+group, 0o755); err != nil {
		t.Skipf("needs root and control groups of version 1: %v", err)
	}
	defer unix.Rmdir(mount + group)
	n := newNotices(Places{Cgroup: filepath.Dir(mount)})
	defer n.close()
	if err := n.armOne("s", group, 8<<20); err != nil {
		t.Skipf("the kernel tells nothing: %v", err)
	}
	if err := n.armOne("s", group, 8<<20+1); err != nil || n.armed["s"].at != 8<<20 {
		t.Errorf("%v, a limit that is near enough became %d", err, n.armed["s"].at)
	}
	if err := n.armOne("s", group, 16<<20); err != nil || n.armed["s"].at != 16<<20 {
		t.Errorf("%v, the limit is still %d", err, n.armed["s"].at)
	}
	// tail keeps what it reads until it has all.
	eater := exec.Command("sh", "-c", "echo $$ > "+mount+group+"/cgroup.procs && head -c 32M /dev/zero | tail -c 32M > /dev/null")
	if err := eater.Run(); err != nil {
		t.Fatal(err)
	}
	<-n.wake // else the test's own timeout tells
}

// Where version 1 is not, the kernel is asked to tell of stalls, once.
func TestStalls(t *testing.T) {
	const file = "/proc/pressure/memory"
	if _, err := stalls(file); err != nil {
		t.Skipf("the kernel tells nothing: %v", err)
	}
	n := newNotices(Places{Cgroup: t.TempDir(), Proc: "/proc"})
	for range 2 {
		if err := n.armOne("s", "/", 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stalls(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a kernel without pressure tells of it")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.pressure"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n = newNotices(Places{Cgroup: dir, Proc: dir})
	if err := n.armOne("s", "/", 1); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "memory.pressure")); err != nil || string(text) != stall+"\x00" {
		t.Errorf("asked for %q, %v", text, err)
	}
}
