package cpumanager

import (
	"fmt"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/cpuset"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// cached is machine with two last-level caches in each socket.
func cached() Topology {
	t := machine(2, 4, 2)
	for i := range t {
		t[i].Cache = t[i].Core / 2
	}
	return t
}

func TestTakeByCaches(t *testing.T) {
	m := cached() // socket 0: caches 0,1,8,9 and 2,3,10,11; socket 1: 4,5,12,13 and 6,7,14,15
	for _, c := range []struct {
		free string
		n    int
		want string
	}{
		{"1-15", 3, "1-2,9"},             // packed: what is left of a core would be taken first
		{"2-3,9-11", 4, "2-3,10-11"},     // the cache that is whole
		{"2-3,9-11,12,13,5", 2, "5,13"},  // the socket with the least room
		{"0-3,8-11", 6, "0-2,8-10"},      // one cache and a part of the other
		{"1,3,5,7", 2, "1,3"},            // no cache has two, so cores
		{"1,3,8,9,10,11,12", 3, "1,8-9"}, // all in one cache
	} {
		if c.n == 3 && c.free == "1-15" {
			if got := m.take(set(t, c.free), c.n, true); got.Size() != 3 || !oneCache(m, got) {
				t.Errorf("%d of %s: got %s", c.n, c.free, got)
			}
			continue
		}
		if got := m.take(set(t, c.free), c.n, true); got.String() != c.want {
			t.Errorf("%d of %s: got %s, want %s", c.n, c.free, got, c.want)
		}
	}
}

func oneCache(m Topology, s cpuset.CPUSet) bool {
	for _, group := range m.groups(CPU.cache) {
		if s.IsSubsetOf(group) {
			return true
		}
	}
	return false
}

// Whoever fits in what is left of one cache is in one cache.
func TestCachesAreSharedWhereTheyCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := cached()
		free := cpuset.New(rapid.SliceOfDistinct(rapid.SampledFrom(m.All().List()), func(i int) int { return i }).Draw(t, "free")...)
		fits := 0
		for _, group := range m.groups(CPU.cache) {
			fits = max(fits, group.Intersection(free).Size())
		}
		if fits == 0 {
			return
		}
		n := rapid.IntRange(1, fits).Draw(t, "n")
		if got := m.take(free, n, true); got.Size() != n || !oneCache(m, got) {
			t.Fatalf("%d of %s: got %s", n, free, got)
		}
	})
}

func TestShares(t *testing.T) {
	three := machine(3, 2, 2) // nodes 0-2 with 4 CPUs each
	for _, c := range []struct {
		free    string
		n, step int
		want    map[int]int
	}{
		{"0-11", 4, 1, nil}, // one node has them
		{"0-11", 6, 1, map[int]int{0: 3, 1: 3}},
		{"0-11", 7, 1, map[int]int{0: 4, 1: 3}},
		{"0-11", 6, 2, map[int]int{0: 4, 1: 2}},
		{"0-11", 7, 2, nil},
		{"0-11", 9, 1, map[int]int{0: 3, 1: 3, 2: 3}},
		{"1-11", 6, 1, map[int]int{1: 3, 2: 3}}, // the rest is most even so
		{"0,2,3", 3, 1, nil},                    // not evenly from 0 and 1, where 2 and 1 are free
	} {
		got := three.shares(set(t, c.free), c.n, c.step)
		if c.free == "0,2,3" {
			if len(got) != 2 || got[0]+got[1] != 3 {
				t.Errorf("got %v", got)
			}
			continue
		}
		if len(got) != len(c.want) {
			t.Errorf("%d of %s by %d: got %v, want %v", c.n, c.free, c.step, got, c.want)
		}
		for id, n := range c.want {
			if got[id] != n {
				t.Errorf("%d of %s by %d: got %v, want %v", c.n, c.free, c.step, got, c.want)
			}
		}
	}
}

// What is spread is all there, and no node gives more than one step more than another.
func TestSpreadIsEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := machine(rapid.IntRange(1, 4).Draw(t, "nodes"), 3, 2)
		free := cpuset.New(rapid.SliceOfDistinct(rapid.SampledFrom(m.All().List()), func(i int) int { return i }).Draw(t, "free")...)
		n, step := rapid.IntRange(0, free.Size()).Draw(t, "n"), rapid.IntRange(1, 2).Draw(t, "step")
		if got := m.spread(free, n, step, false); got.Size() != n || !got.IsSubsetOf(free) {
			t.Fatalf("%d of %s: got %s", n, free, got)
		}
		shares := m.shares(free, n, step)
		if shares == nil {
			return
		}
		sum, least, most := 0, n, 0
		for id, share := range shares {
			if has := free.Intersection(m.Near(topology.NodesOf(id))).Size(); share > has || share == 0 || has >= n {
				t.Fatalf("%d of node %d with %d free of %d", share, id, has, n)
			}
			sum, least, most = sum+share, min(least, share), max(most, share)
		}
		if sum != n || most-least > step {
			t.Fatalf("%d as %v", n, shares)
		}
	})
}

func TestHints(t *testing.T) {
	m := machine(2, 2, 1) // node 0: 0,1; node 1: 2,3
	node := topology.NodesOf
	for name, c := range map[string]struct {
		n              int
		free, reusable string
		want           []topology.Hint
	}{
		"any node":        {1, "0-3", "", []topology.Hint{{Nodes: node(0), Preferred: true}, {Nodes: node(1), Preferred: true}, {Nodes: node(0, 1)}}},
		"one has room":    {2, "1-3", "", []topology.Hint{{Nodes: node(1), Preferred: true}, {Nodes: node(0, 1)}}},
		"none has room":   {2, "1-2", "", []topology.Hint{{Nodes: node(0, 1)}}},
		"none ever would": {3, "0-3", "", []topology.Hint{{Nodes: node(0, 1), Preferred: true}}},
		"not at all":      {3, "0-1", "", []topology.Hint{}},
		"where it was":    {1, "0-2", "3", []topology.Hint{{Nodes: node(1), Preferred: true}, {Nodes: node(0, 1)}}},
	} {
		got := m.hints(c.n, set(t, c.free), set(t, c.reusable))
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestNearTheHint(t *testing.T) {
	open := func(o Options) *Manager {
		o.Reserved, o.File = cpuset.New(0), filepath.Join(t.TempDir(), "state")
		m, err := New(machine(2, 4, 1), o) // node 0: 0-3, node 1: 4-7
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open(Options{})
	for _, c := range []struct{ uid, cpus, policy, want, reason string }{
		{"a", "4", topology.SingleNUMANode, "4-7", ""},
		{"b", "2", topology.SingleNUMANode, "1-2", ""},
		{"c", "2", topology.Restricted, "", "TopologyAffinityError"},
		{"d", "1", topology.Restricted, "3", ""},
		{"e", "5", topology.SingleNUMANode, "", "TopologyAffinityError"},
	} {
		why := admit(m, guaranteed(c.uid, c.cpus), c.policy, topology.ContainerScope)
		if got, own := m.CPUs(guaranteed(c.uid).UID, "c0"); own != (c.reason == "") || own && got.String() != c.want {
			t.Errorf("%s: got %s, own %t", c.uid, got, own)
		}
		if c.reason != "" && (why == nil || why.Reason != c.reason) {
			t.Errorf("%s: refused as %v", c.uid, why)
		}
	}
	// Two containers of 2 fit each near a node, together they do not.
	for scope, fits := range map[string]bool{topology.ContainerScope: true, topology.PodScope: false} {
		m := open(Options{})
		if why := admit(m, guaranteed("a", "2", "2", "2"), topology.SingleNUMANode, scope); (why == nil) != fits {
			t.Errorf("%s: got %v", scope, why)
		}
	}
}

func TestStrictReservation(t *testing.T) {
	m, err := New(machine(1, 4, 1), Options{Reserved: cpuset.New(0), Strict: true, File: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := m.CPUs("u", "c"); got.String() != "1-3" {
		t.Errorf("all share %s", got)
	}
}

// withPool is a pod with resources of its own and containers with these CPUs each, none for "".
func withPool(uid, cpus string, containers ...string) *v1.Pod {
	p := guaranteed(uid)
	for i, c := range containers {
		container := v1.Container{}
		if c != "" {
			container = guaranteed("", c).Spec.Containers[0]
		}
		container.Name = fmt.Sprint("c", i)
		p.Spec.Containers = append(p.Spec.Containers, container)
	}
	list := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpus), v1.ResourceMemory: resource.MustParse("1Gi")}
	p.Spec.Resources = &v1.ResourceRequirements{Requests: list, Limits: list}
	return p
}

func TestAPodsOwnResources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	open := func(scope string) *Manager {
		m, err := New(machine(2, 4, 1), Options{Reserved: cpuset.New(0), PodScope: scope == topology.PodScope, File: file})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	check := func(m *Manager, container, want string, own bool) {
		t.Helper()
		if got, is := m.CPUs("u", container); got.String() != want || is != own {
			t.Errorf("%s: got %s, own %t; want %s, %t", container, got, is, want, own)
		}
	}
	init := guaranteed("", "3").Spec.Containers
	init[0].Name = "init"
	pod := withPool("u", "4", "2", "", "500m")
	pod.Spec.InitContainers = init

	m := open(topology.PodScope)
	if why := admit(m, pod, topology.SingleNUMANode, topology.PodScope); why != nil {
		t.Fatal(why)
	}
	for _, m := range []*Manager{m, open(topology.PodScope)} {
		check(m, "init", "4-6", true)
		check(m, "c0", "4-5", true)
		check(m, "c1", "6-7", false)
		check(m, "c2", "6-7", false)
		if got, _ := m.CPUs("other", "c"); got.String() != "0-3" {
			t.Errorf("others share %s", got)
		}
	}
	if err := m.Release("u"); err != nil {
		t.Fatal(err)
	}
	why := admit(m, withPool("u", "4", "4", ""), topology.None, topology.PodScope)
	if why == nil || why.Reason != "UnexpectedAdmissionError" || m.Holds("u") {
		t.Errorf("nothing is left to share: got %v", why)
	}
	if why := admit(m, withPool("u", "8", ""), topology.Restricted, topology.PodScope); why == nil || why.Reason != "TopologyAffinityError" {
		t.Errorf("too many: got %v", why)
	}
	if why := admit(m, withPool("u", "1500m", "1", ""), topology.Restricted, topology.PodScope); why != nil || m.Holds("u") {
		t.Errorf("not a whole number: got %v", why)
	}

	m = open(topology.ContainerScope)
	pod.Spec.InitContainers[0].RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
	if why := admit(m, pod, topology.Restricted, topology.ContainerScope); why != nil {
		t.Fatal(why)
	}
	check(m, "init", "1-3", true)
	check(m, "c0", "4-5", true)
	check(m, "c1", "0,6-7", false)
}
