package cpumanager

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/cpuset"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// machine describes sockets × cores × threads, numbered as Linux does: the first threads of all cores come first.
func machine(sockets, cores, threads int) Topology {
	var t Topology
	for id := range sockets * cores * threads {
		core := id % (sockets * cores)
		t = append(t, CPU{ID: id, Core: core % cores, Socket: core / cores, Node: core / cores})
	}
	return t
}

func set(t testing.TB, text string) cpuset.CPUSet {
	s, err := cpuset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTake(t *testing.T) {
	two := machine(2, 4, 2) // socket 0: 0-3,8-11; socket 1: 4-7,12-15; cores are n and n+8
	for _, c := range []struct {
		free string
		n    int
		want string
	}{
		{"0-15", 1, "0"},
		{"0-15", 2, "0,8"},
		{"0-15", 8, "0-3,8-11"},
		{"0-15", 10, "0-4,8-12"},
		{"1-15", 2, "1,9"},       // not the half that is left of core 0
		{"1-15", 1, "8"},         // but this for a single one
		{"1-15", 8, "4-7,12-15"}, // the socket that is whole
		{"0-3,8-11,5,13", 2, "5,13"},
		{"0,5", 2, "0,5"},
	} {
		if got := two.take(set(t, c.free), c.n, false); got.String() != c.want {
			t.Errorf("%d of %s: got %s, want %s", c.n, c.free, got, c.want)
		}
	}
}

func TestTakeGivesAsManyAsAskedForOfWhatIsFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := machine(rapid.IntRange(1, 3).Draw(t, "sockets"), rapid.IntRange(1, 4).Draw(t, "cores"), rapid.IntRange(1, 2).Draw(t, "threads"))
		free := cpuset.New(rapid.SliceOfDistinct(rapid.SampledFrom(m.All().List()), func(i int) int { return i }).Draw(t, "free")...)
		n := rapid.IntRange(0, free.Size()).Draw(t, "n")
		got := m.take(free, n, rapid.Bool().Draw(t, "caches"))
		if got.Size() != n || !got.IsSubsetOf(free) {
			t.Fatalf("%d of %s: got %s", n, free, got)
		}
	})
}

func guaranteed(uid string, cpus ...string) *v1.Pod {
	p := &v1.Pod{}
	p.UID = types.UID(uid)
	for i, amount := range cpus {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse(amount), v1.ResourceMemory: resource.MustParse("1Mi")}
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: fmt.Sprint("c", i), Resources: v1.ResourceRequirements{Requests: list, Limits: list}})
	}
	return p
}

// admit has the pod admitted by the topology manager with a policy.
func admit(m *Manager, pod *v1.Pod, policy, scope string) *topology.Refusal {
	var nodes topology.Machine
	for _, id := range m.topology.nodes().List() {
		nodes = append(nodes, topology.Node{ID: id})
	}
	t, err := topology.New(topology.Policy{Name: policy, Scope: scope, MaxNodes: 8}, nodes, m)
	if err != nil {
		panic(err)
	}
	return t.Admit(pod)
}

func TestAllocate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu_manager_state")
	open := func() *Manager {
		m, err := New(machine(1, 4, 1), Options{ReservedCount: 1, File: file})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open()
	if why := admit(m, guaranteed("u", "2", "500m"), topology.None, ""); why != nil {
		t.Fatal(why)
	}
	check := func(m *Manager, uid types.UID, container, want string, own bool) {
		t.Helper()
		if got, is := m.CPUs(uid, container); got.String() != want || is != own {
			t.Errorf("%s of %s: got %s, own %t; want %s, %t", container, uid, got, is, want, own)
		}
	}
	check(m, "u", "c0", "1-2", true)
	check(m, "u", "c1", "0,3", false)
	check(open(), "u", "c0", "1-2", true) // another agent
	why := admit(m, guaranteed("v", "2"), topology.None, "")
	want := "Allocate failed due to not enough cpus available to satisfy request: requested=2, available=1, which is unexpected"
	if why == nil || why.Reason != "UnexpectedAdmissionError" || why.Message != want {
		t.Errorf("got %v", why)
	}
	for _, other := range []v1.PodQOSClass{v1.PodQOSBurstable, v1.PodQOSBestEffort} {
		pod := guaranteed("w", "1")
		pod.Status.QOSClass = other
		if why := admit(m, pod, topology.None, ""); why != nil || m.Holds("w") {
			t.Errorf("%s: got %v, holds CPUs: %t", other, why, m.Holds("w"))
		}
	}
	if err := m.Release("u"); err != nil || m.Pins("u") || m.Holds("u") {
		t.Error(err)
	}
	check(open(), "x", "c", "0-3", false)
}

func TestRetain(t *testing.T) {
	m, err := New(machine(1, 4, 1), Options{Reserved: cpuset.New(3), File: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range []string{"u", "v"} {
		if why := admit(m, guaranteed(uid, "1"), topology.None, ""); why != nil {
			t.Fatal(why)
		}
	}
	if err := m.Retain(func(uid types.UID) bool { return uid == "u" }); err != nil || !m.Pins("u") || m.Pins("v") {
		t.Error("want the CPUs of u alone", err)
	}
}

func TestWholeCores(t *testing.T) {
	m, err := New(machine(1, 4, 2), Options{ReservedCount: 2, WholeCores: true, File: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	for cpus, want := range map[string]string{
		"3": "SMT Alignment Error: requested 3 cpus not multiple cpus per core = 2",
		"8": "SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 6, requested CPUs = 8, CPUs per core = 2",
	} {
		if why := admit(m, guaranteed("u", cpus), topology.None, ""); why == nil || why.Reason != "SMTAlignmentError" || why.Message != want {
			t.Errorf("got %v", why)
		}
	}
}

func TestSomethingMustBeReserved(t *testing.T) {
	for _, o := range []Options{{}, {Reserved: cpuset.New(7)}} {
		if _, err := New(machine(1, 4, 1), o); err == nil {
			t.Errorf("%+v was let through", o)
		}
	}
}

// Whatever comes and goes, nobody has what another has or what is reserved, but init containers and those after them.
func TestNobodySharesWhatIsExclusive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	rapid.Check(t, func(t *rapid.T) {
		os.Remove(file)
		all := machine(2, 4, 2)
		m, err := New(all, Options{ReservedCount: 2, File: file, Spread: rapid.Bool().Draw(t, "spread"), Caches: rapid.Bool().Draw(t, "caches")})
		if err != nil {
			t.Fatal(err)
		}
		var pods []*v1.Pod
		for i := range rapid.IntRange(1, 12).Draw(t, "acts") {
			if len(pods) > 0 && rapid.Bool().Draw(t, "release") {
				if err := m.Release(pods[0].UID); err != nil {
					t.Fatal(err)
				}
				pods = pods[1:]
				continue
			}
			p := guaranteed(fmt.Sprint(i), rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3", "1500m"}), 1, 3).Draw(t, "containers")...)
			init := guaranteed("", rapid.SliceOfN(rapid.SampledFrom([]string{"1", "4"}), 0, 2).Draw(t, "inits")...).Spec.Containers
			for j := range init {
				init[j].Name = fmt.Sprint("i", j)
				if rapid.Bool().Draw(t, "sidecar") {
					init[j].RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
				}
			}
			p.Spec.InitContainers = init
			if why := admit(m, p, rapid.SampledFrom([]string{topology.None, topology.BestEffort, topology.Restricted, topology.SingleNUMANode}).Draw(t, "policy"),
				rapid.SampledFrom([]string{topology.ContainerScope, topology.PodScope}).Draw(t, "scope")); why == nil {
				pods = append(pods, p)
			} else if m.Holds(p.UID) {
				t.Fatalf("a pod that was refused holds CPUs: %v", why)
			}
		}
		seen := m.options.Reserved
		for _, p := range pods {
			own := cpuset.New()
			lasting := cpuset.New()
			for _, c := range append(append([]v1.Container{}, p.Spec.InitContainers...), p.Spec.Containers...) {
				got, exclusively := m.CPUs(p.UID, c.Name)
				if !exclusively {
					continue
				}
				if want := int(c.Resources.Requests.Cpu().Value()); got.Size() != want {
					t.Fatalf("%s got %s, asked for %d", c.Name, got, want)
				}
				own = own.Union(got)
				if c.Name[0] == 'c' || c.RestartPolicy != nil {
					if !lasting.Intersection(got).IsEmpty() {
						t.Fatalf("two containers of a pod have %s", lasting.Intersection(got))
					}
					lasting = lasting.Union(got)
				}
			}
			if !seen.Intersection(own).IsEmpty() {
				t.Fatalf("two pods, or a pod and the system, have %s", seen.Intersection(own))
			}
			seen = seen.Union(own)
		}
		if shared, _ := m.CPUs("none", "none"); !shared.Equals(all.All().Difference(seen).Union(m.options.Reserved)) {
			t.Fatalf("shared are %s", shared)
		}
	})
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"online":                "0-1\n",
		"cpu0/topology/core_id": "0\n", "cpu0/topology/physical_package_id": "0\n", "cpu0/node0/x": "",
		"cpu1/cache/index0/level": "1\n", "cpu1/cache/index0/id": "7\n", "cpu1/cache/index3/level": "3\n", "cpu1/cache/index3/id": "2\n",
		"cpu1/topology/core_id": "3\n", "cpu1/topology/physical_package_id": "1\n", "cpu1/node1/x": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Inspect(dir)
	if err != nil || len(got) != 2 || got[1] != (CPU{ID: 1, Core: 3, Socket: 1, Node: 1, Cache: 2}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Inspect(t.TempDir()); err == nil {
		t.Error("a machine without processors was let through")
	}
}

// FuzzParse: whatever the file says, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"policyName":"static","defaultCpuSet":"0","entries":{"u":{"c":"1-2"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if entries, err := parse(text); err != nil && entries != nil {
			t.Error("read what was refused")
		}
	})
}
