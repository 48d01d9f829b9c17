package cgroup

import (
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

const hybrid = `24 23 0:22 / /sys/fs/cgroup rw,relatime shared:5 - tmpfs tmpfs rw,mode=755
25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
26 24 0:24 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset,clone_children
27 24 0:25 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
28 24 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
29 24 0:24 /docker /sys/fs/cgroup/cpuset/docker rw - cgroup cgroup rw,cpuset
30 1 0:27 / /mnt rw - cgroup cgroup rw,pids
`

const unified = `24 23 0:22 / /sys/fs/cgroup rw,relatime shared:5 - cgroup2 cgroup2 rw,nsdelegate
`

func TestHierarchiesAreReadFromMountinfo(t *testing.T) {
	want := &Layout{Hierarchies: []Hierarchy{
		{"cpu,cpuacct", "cgroup", "cpu,cpuacct"}, {"cpuset", "cgroup", "cpuset"},
		{"systemd", "cgroup", "none,name=systemd"}, {"unified", "cgroup2", ""}}}
	if got := parse(hybrid); !reflect.DeepEqual(got, want) {
		t.Errorf("hybrid: %+v\nwant %+v", got, want)
	}
	if got := parse(unified); !got.Unified || len(got.Hierarchies) != 1 {
		t.Errorf("unified: %+v", got)
	}
	if got := parse("garbage\n1 2 - x\n"); len(got.Hierarchies) != 0 {
		t.Errorf("garbage: %+v", got)
	}
}

func TestAControllerIsFoundInAHierarchyThatItShares(t *testing.T) {
	l := parse(hybrid)
	for controller, want := range map[string]bool{"cpu": true, "cpuacct": true, "hugetlb": false, "pids": false} {
		if got := l.Has(controller); got != want {
			t.Errorf("Has(%q) = %v", controller, got)
		}
	}
}

func TestANodeMountsTheSameHierarchies(t *testing.T) {
	mounted := map[string]string{}
	links := map[string]string{}
	for _, s := range parse(hybrid).Steps("/new") {
		if s.Mount != nil {
			mounted[s.Mount.Target] = s.Mount.Data
		}
		if s.Symlink != nil {
			links[s.Symlink.Link] = s.Symlink.Target
		}
	}
	for target, data := range map[string]string{"/new/sys/fs/cgroup/cpu,cpuacct": "cpu,cpuacct", "/new/sys/fs/cgroup/systemd": "none,name=systemd"} {
		if mounted[target] != data {
			t.Errorf("%s is mounted with %q, want %q", target, mounted[target], data)
		}
	}
	if links["/new/sys/fs/cgroup/cpuacct"] != "cpu,cpuacct" {
		t.Errorf("links: %v", links)
	}
	first := parse(unified).Steps("/new")[0]
	if want := (spec.Step{Mount: &spec.Mount{Source: "cgroup2", Target: "/new/sys/fs/cgroup", Type: "cgroup2", Flags: first.Mount.Flags}}); !reflect.DeepEqual(first, want) {
		t.Errorf("first step of version 2: %+v", first.Mount)
	}
}

func TestAGroupIsMadeAndRemovedWithWhatIsBelow(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make control groups")
	}
	l, err := Detect()
	if err != nil {
		t.Skip("needs control groups: " + err.Error())
	}
	const group = "etalon-test/inner"
	if err := l.Create(group); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Remove("etalon-test", 0) })
	for _, h := range l.Hierarchies {
		if _, err := os.Stat(h.dir(group)); err != nil {
			t.Errorf("hierarchy %q: %v", h.Name, err)
		}
	}
	if err := l.Remove("etalon-test", time.Second); err != nil {
		t.Fatal(err)
	}
	for _, h := range l.Hierarchies {
		if _, err := os.Stat(h.dir("etalon-test")); !os.IsNotExist(err) {
			t.Errorf("hierarchy %q still has it: %v", h.Name, err)
		}
	}
}
