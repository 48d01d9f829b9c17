package topology

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for file, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"online":         "0,2\n",
		"node0/meminfo":  "Node 0 MemTotal:       1024 kB\nNode 0 MemFree:       1 kB\n",
		"node0/distance": "10 21\n",
		"node0/hugepages/hugepages-2048kB/nr_hugepages": "3\n",
		"node2/meminfo":  "Node 2 MemTotal:       2048 kB\n",
		"node2/distance": "21 10\n",
	})
	got, err := Inspect(dir, 1)
	want := Machine{
		{ID: 0, Memory: 1 << 20, HugePages: map[int64]int64{2 << 20: 3}, Distances: map[int]int{0: 10, 2: 21}},
		{ID: 2, Memory: 2 << 20, HugePages: map[int64]int64{}, Distances: map[int]int{0: 21, 2: 10}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if got.All() != NodesOf(0, 2) || got.All().String() != "0,2" {
		t.Errorf("the nodes are %v", got.All())
	}
}

func TestInspectMachines(t *testing.T) {
	if got, err := Inspect(filepath.Join(t.TempDir(), "none"), 7); err != nil || len(got) != 1 || got[0].Memory != 7 {
		t.Errorf("a machine without NUMA: got %v, %v", got, err)
	}
	for name, files := range map[string]map[string]string{
		"no node":       {"online": "\n"},
		"a gap":         {"online": "0-1\n", "node0/meminfo": ""},
		"no number":     {"online": "0\n", "node0/meminfo": "Node 0 MemTotal: lots kB\n"},
		"no distance":   {"online": "0\n", "node0/meminfo": "", "node0/distance": "far\n"},
		"too many":      {"online": "0-64\n"},
		"the wrong way": {"online": "1-0\n"},
	} {
		dir := t.TempDir()
		write(t, dir, files)
		if got, err := Inspect(dir, 1); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestNewPolicy(t *testing.T) {
	for _, c := range []struct {
		name, scope string
		options     map[string]string
		ok          bool
	}{
		{"", "", nil, true},
		{Restricted, PodScope, map[string]string{PreferClosest: "true", MaxNodes: "12"}, true},
		{"strict", "", nil, false},
		{"", "node", nil, false},
		{"", "", map[string]string{PreferClosest: "maybe"}, false},
		{"", "", map[string]string{MaxNodes: "7"}, false},
		{"", "", map[string]string{"other": "true"}, false},
	} {
		if p, err := NewPolicy(c.name, c.scope, c.options); (err == nil) != c.ok {
			t.Errorf("%v: got %v, %v", c, p, err)
		}
	}
}

// FuzzParseList: whatever the kernel's list says, it is read or refused.
func FuzzParseList(f *testing.F) {
	f.Add("0-1,4\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseList(text); err == nil {
			if again, err := parseList(n.String()); err != nil || again != n {
				t.Errorf("%q is %v, again %v (%v)", text, n, again, err)
			}
		}
	})
}
