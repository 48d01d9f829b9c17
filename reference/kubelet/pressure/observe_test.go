package pressure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

func TestTheWorkingSetIsWhatCannotBeHadBack(t *testing.T) {
	s := newStand(t)
	s.write("meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\nInactive(file): 200 kB\n")
	p := Places{Proc: s.root, Cgroup: filepath.Join(s.root, "cgroup"), PodsMemory: 800 << 10}
	if got := p.Observe()[eviction.MemoryAvailable]; got.Available != 500<<10 || got.Capacity != 1000<<10 {
		t.Errorf("of the machine: got %+v", got)
	}
	for version, file := range map[string][3]string{
		"v1": {"cgroup/memory/", "memory.usage_in_bytes", "cache 9\ninactive_file 1\ntotal_inactive_file 102400\n"},
		"v2": {"cgroup/", "memory.current", "anon 9\ninactive_file 102400\n"},
	} {
		for _, group := range []string{"", "kubepods/"} {
			s.write(file[0]+group+file[1], "819200\n") // 800 KiB
			s.write(file[0]+group+"memory.stat", file[2])
		}
		got := p.Observe()
		if got[eviction.MemoryAvailable].Available != 300<<10 || got[eviction.AllocatableMemoryAvailable] != (eviction.Observation{Available: 100 << 10, Capacity: 800 << 10}) {
			t.Errorf("%s: of the node's group and the pods': got %+v", version, got)
		}
		s.write("meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 250 kB\nInactive(file): 200 kB\n")
		if got := p.Observe()[eviction.MemoryAvailable].Available; got != 250<<10 {
			t.Errorf("%s: the machine has less than the node's group leaves: got %d", version, got)
		}
		s.write("meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\nInactive(file): 200 kB\n")
		if err := os.RemoveAll(filepath.Join(s.root, "cgroup")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProcessNumbers(t *testing.T) {
	s := newStand(t)
	p := Places{Proc: s.root, Cgroup: filepath.Join(s.root, "cgroup")}
	if _, ok := p.Observe()[eviction.PIDAvailable]; ok {
		t.Error("what cannot be read is left out")
	}
	s.write("sys/kernel/pid_max", "4194304\n")
	s.write("sys/kernel/threads-max", "1000\n")
	s.write("loadavg", "0.1 0.2 0.3 2/345 678\n")
	if got := p.Observe()[eviction.PIDAvailable]; got.Available != 655 || got.Capacity != 1000 {
		t.Errorf("got %+v", got)
	}
	s.write("cgroup/pids/kubepods/podx/pids.current", "12\n")
	if got := p.podProcesses("/kubepods/podx"); got != 12 {
		t.Errorf("the pod has %d", got)
	}
}

func TestSizeCountsEachFileOnceAndFollowsNothing(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	big := strings.Repeat("x", 1<<20)
	for file, text := range map[string]string{filepath.Join(dir, "f"): big, filepath.Join(outside, "g"): big} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "f"), filepath.Join(dir, "d", "again")); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"out": outside, "loop": dir, "file": filepath.Join(outside, "g")} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	bytes, files, err := size(t.Context(), dir)
	if err != nil || bytes < 1<<20 || bytes > 1<<20+64<<10 || files != 6 {
		t.Errorf("got %d bytes, %d files, %v; want 1 MiB and little more, 6 files", bytes, files, err)
	}
	if bytes, files, err := size(t.Context(), filepath.Join(dir, "nowhere")); bytes != 0 || files != 0 || err != nil {
		t.Errorf("of nothing: got %d, %d, %v", bytes, files, err)
	}
}
