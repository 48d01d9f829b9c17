package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var everything = Limits{Shares: 1024, Quota: 50000, Period: 100000, Memory: 64 << 20, Pids: 100, HugePages: map[string]int64{"2Mi": 4 << 20}}

func put(t *testing.T, root string, files ...string) {
	t.Helper()
	for _, f := range files {
		file := filepath.Join(root, f)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// written are the files under root that say anything.
func written(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		if rel, _ := filepath.Rel(root, p); len(text) > 0 && !strings.HasPrefix(d.Name(), "cgroup.") {
			out[rel] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVersion1(t *testing.T) {
	root := t.TempDir()
	put(t, root, "hugetlb/cgroup.procs", "hugetlb/kubepods/podu/hugetlb.2MB.limit_in_bytes", "hugetlb/kubepods/podu/hugetlb.1GB.limit_in_bytes",
		"hugetlb/kubepods/podu/hugetlb.2MB.rsvd.limit_in_bytes")
	m := &Manager{mount: root, hierarchies: []string{root + "/cpu"}, write: writeV1}
	if err := m.Ensure("/kubepods/podu", everything); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"cpu/kubepods/podu/cpu.shares": "1024", "cpu/kubepods/podu/cpu.cfs_quota_us": "50000", "cpu/kubepods/podu/cpu.cfs_period_us": "100000",
		"memory/kubepods/podu/memory.limit_in_bytes": "67108864", "pids/kubepods/podu/pids.max": "100",
		"hugetlb/kubepods/podu/hugetlb.2MB.limit_in_bytes": "4194304", "hugetlb/kubepods/podu/hugetlb.1GB.limit_in_bytes": "0",
	}
	if diff := cmp.Diff(want, written(t, root)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	put(t, root, "memory/kubepods/podu/memory.usage_in_bytes")
	if err := set(root+"/memory/kubepods/podu", "memory.usage_in_bytes", "123\n"); err != nil {
		t.Fatal(err)
	}
	if n, ok := m.MemoryUsage("/kubepods/podu"); !ok || n != 123 || m.Unified() || m.Swaps() {
		t.Errorf("memory in use: got %d, %t", n, ok)
	}
}

func TestVersion2(t *testing.T) {
	root := t.TempDir()
	pod := "kubepods/burstable/podu"
	for dir := pod; ; dir = filepath.Dir(dir) {
		put(t, root, dir+"/cgroup.controllers", dir+"/cgroup.subtree_control")
		if dir == "." {
			break
		}
	}
	put(t, root, pod+"/hugetlb.2MB.max", pod+"/hugetlb.1GB.max", pod+"/hugetlb.2MB.rsvd.max", pod+"/memory.current", "kubepods/memory.swap.max")
	m := &Manager{mount: root, hierarchies: []string{root}, write: writeV2}
	if err := m.Ensure("/"+pod, everything); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		pod + "/cpu.weight": "100", pod + "/cpu.max": "50000 100000", pod + "/memory.max": "67108864", pod + "/pids.max": "100",
		pod + "/hugetlb.2MB.max": "4194304", pod + "/hugetlb.1GB.max": "0",
	}
	if diff := cmp.Diff(want, written(t, root)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := m.Ensure("/"+pod, Limits{Memory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	want[pod+"/memory.max"] = "1048576"
	if diff := cmp.Diff(want, written(t, root)); diff != "" {
		t.Errorf("what is not said must stay: -want +got:\n%s", diff)
	}
	if _, ok := m.MemoryUsage("/" + pod); ok || !m.Unified() || !m.Swaps() {
		t.Error("an empty memory.current tells nothing")
	}
}

func TestControllersAreHandedDown(t *testing.T) {
	root := t.TempDir()
	put(t, root, "cgroup.controllers", "cgroup.subtree_control")
	if err := set(root, "cgroup.controllers", "cpu rdma"); err != nil {
		t.Fatal(err)
	}
	if err := enable(root); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(root + "/cgroup.subtree_control"); string(got) != "+cpu" {
		t.Errorf("got %q", got)
	}
}

func TestRead(t *testing.T) {
	want := Limits{Quota: 50000, Period: 100000, Memory: 64 << 20}
	for name, c := range map[string]struct {
		version2 bool
		files    map[string]string
		want     Limits
	}{
		"version 1": {false, map[string]string{"cpu/p/cpu.cfs_quota_us": "50000\n", "cpu/p/cpu.cfs_period_us": "100000\n", "memory/p/memory.limit_in_bytes": "67108864\n"}, want},
		"version 1, no limits": {false, map[string]string{"cpu/p/cpu.cfs_quota_us": "-1\n", "cpu/p/cpu.cfs_period_us": "100000\n",
			"memory/p/memory.limit_in_bytes": "9223372036854771712\n"}, Limits{}},
		"version 2":            {true, map[string]string{"p/cpu.max": "50000 100000\n", "p/memory.max": "67108864\n"}, want},
		"version 2, no limits": {true, map[string]string{"p/cpu.max": "max 100000\n", "p/memory.max": "max\n"}, Limits{}},
		"no such cgroup":       {true, nil, Limits{}},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			put(t, root, file)
			if err := set(filepath.Join(root, filepath.Dir(file)), filepath.Base(file), text); err != nil {
				t.Fatal(err)
			}
		}
		m := &Manager{mount: root, hierarchies: []string{root + "/cpu"}}
		if c.version2 {
			m.hierarchies = []string{root}
		}
		if diff := cmp.Diff(c.want, m.Read("/p")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
