package memorymanager

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

const gib = 1 << 30

// machine has nodes with so many GiB each, and on the first one 1 GiB of them as pages of 2 MiB.
func machine(sizes ...int64) topology.Machine {
	var m topology.Machine
	for id, size := range sizes {
		m = append(m, topology.Node{ID: id, Memory: size * gib, HugePages: map[int64]int64{}})
	}
	m[0].HugePages[2<<20] = 512
	return m
}

func pod(uid string, memory ...string) *v1.Pod {
	p := &v1.Pod{}
	p.UID = types.UID(uid)
	for i, amount := range memory {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse("1"), v1.ResourceMemory: resource.MustParse(amount)}
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: fmt.Sprint("c", i), Resources: v1.ResourceRequirements{Requests: list, Limits: list}})
	}
	return p
}

func open(t interface {
	Helper()
	Fatal(...any)
}, file string, m topology.Machine, podScope bool) *Manager {
	t.Helper()
	out, err := New(m, Options{Reserved: Reserved{0: {v1.ResourceMemory: gib}}, PodScope: podScope, File: file})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func admit(m *Manager, p *v1.Pod, policy, scope string) *topology.Refusal {
	t, err := topology.New(topology.Policy{Name: policy, Scope: scope, MaxNodes: 8}, m.machine, m)
	if err != nil {
		panic(err)
	}
	return t.Admit(p)
}

// Of 4 nodes with 6 GiB, the first has 4 for pods.
func TestAllocate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	m := open(t, file, machine(6, 6, 6, 6), false)
	for _, c := range []struct {
		uid, memory, policy string
		want                topology.Nodes
		refused             string
	}{
		{"a", "4Gi", topology.None, topology.NodesOf(0), ""},
		{"b", "5Gi", topology.SingleNUMANode, topology.NodesOf(1), ""},
		{"c", "10Gi", topology.Restricted, topology.NodesOf(2, 3), ""}, // a group
		{"d", "2Gi", topology.Restricted, 0, "TopologyAffinityError"},  // 2 GiB are free in the group, but no node is alone
		{"e", "1Gi", topology.SingleNUMANode, topology.NodesOf(1), ""},
		{"f", "2Gi", topology.None, topology.NodesOf(2, 3), ""},
		{"g", "30Gi", topology.None, 0, "Allocate failed due to [memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available, which is unexpected"},
		{"h", "7Gi", topology.SingleNUMANode, 0, "TopologyAffinityError"},
		{"i", "11Gi", topology.BestEffort, 0, "which is unexpected"},
	} {
		why := admit(m, pod(c.uid, c.memory), c.policy, topology.ContainerScope)
		if got := m.Nodes(types.UID(c.uid), "c0"); got != c.want {
			t.Errorf("%s: got nodes %v, want %v (%v)", c.uid, got, c.want, why)
		}
		if (why == nil) != (c.refused == "") || why != nil && why.Reason != c.refused && !strings.HasSuffix(why.Message, c.refused) {
			t.Errorf("%s: refused for %v, want %q", c.uid, why, c.refused)
		}
	}
	again := open(t, file, machine(6, 6, 6, 6), false)
	for uid, want := range map[types.UID]topology.Nodes{"a": topology.NodesOf(0), "c": topology.NodesOf(2, 3), "d": 0} {
		if got := again.Nodes(uid, "c0"); got != want {
			t.Errorf("%s, after a restart: got %v, want %v", uid, got, want)
		}
	}
	if _, err := New(machine(6, 6), Options{File: file}); err == nil {
		t.Error("a machine without two of the nodes was let through")
	}
	for _, uid := range []types.UID{"c", "f"} {
		if err := again.Release(uid); err != nil {
			t.Fatal(err)
		}
	}
	if why := admit(again, pod("d", "2Gi"), topology.SingleNUMANode, topology.ContainerScope); why != nil || again.Nodes("d", "c0") != topology.NodesOf(2) {
		t.Errorf("got %v, %v", again.Nodes("d", "c0"), why)
	}
	if err := again.Retain(func(uid types.UID) bool { return uid == "d" }); err != nil || again.Nodes("a", "c0") != 0 || again.Nodes("d", "c0") == 0 {
		t.Error("want the memory of d alone", err)
	}
	if why := admit(again, pod("z", "4Gi"), topology.None, ""); why != nil {
		t.Error(why)
	}
}

func TestWhoGetsNone(t *testing.T) {
	m := open(t, filepath.Join(t.TempDir(), "state"), machine(6), false)
	burstable := pod("u", "1Gi")
	burstable.Spec.Containers[0].Resources.Limits = nil
	for _, p := range []*v1.Pod{burstable, {Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c0"}}}}} {
		if why := admit(m, p, topology.SingleNUMANode, topology.ContainerScope); why != nil || m.Nodes(p.UID, "c0") != 0 {
			t.Errorf("got %v, %v", m.Nodes(p.UID, "c0"), why)
		}
	}
}

func TestHugePages(t *testing.T) {
	m := open(t, filepath.Join(t.TempDir(), "state"), machine(6, 6), false)
	p := pod("u", "1Gi", "1Gi")
	for _, list := range []v1.ResourceList{p.Spec.Containers[1].Resources.Requests, p.Spec.Containers[1].Resources.Limits} {
		list["hugepages-2Mi"] = resource.MustParse("512Mi")
	}
	if why := admit(m, p, topology.SingleNUMANode, topology.PodScope); why != nil {
		t.Fatal(why)
	}
	want := []Block{{[]int{0}, "hugepages-2Mi", 512 << 20}, {[]int{0}, "memory", gib}}
	if diff := cmp.Diff(want, m.Blocks("u", "c1")); diff != "" || m.Nodes("u", "c0") != topology.NodesOf(0) {
		t.Errorf("-want +got:\n%s", diff)
	}
	p = p.DeepCopy()
	p.UID = "v"
	p.Spec.Containers[1].Resources.Requests["hugepages-2Mi"] = resource.MustParse("1Gi")
	if why := admit(m, p, topology.BestEffort, topology.ContainerScope); why == nil || m.Nodes("v", "c0") != 0 {
		t.Errorf("got huge pages that others have: %v", m.Blocks("v", "c1"))
	}
}

// What an init container had is not counted again.
func TestInitContainers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	for _, scope := range []string{topology.ContainerScope, topology.PodScope} {
		m := open(t, file, machine(6), false) // 4 GiB
		p := pod("u", "2Gi", "1Gi")
		p.Spec.InitContainers = pod("", "3Gi").Spec.Containers
		p.Spec.InitContainers[0].Name = "init"
		if why := admit(m, p, topology.SingleNUMANode, scope); why != nil {
			t.Fatal(why)
		}
		if why := admit(m, pod("v", "1Gi"), topology.SingleNUMANode, scope); why != nil {
			t.Error(why)
		}
		if why := admit(m, pod("w", "1Mi"), topology.SingleNUMANode, scope); why == nil {
			t.Error("more than there is was given away")
		}
		os.Remove(file)
		m = open(t, file, machine(6), false)
		p.Spec.InitContainers[0].RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
		if why := admit(m, p, topology.SingleNUMANode, scope); why == nil {
			t.Error("a sidecar's memory was given to others")
		}
		os.Remove(file)
	}
}

func TestAPodsOwnResources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	p := pod("u", "1Gi", "1Gi")
	p.Spec.Containers[1].Resources = v1.ResourceRequirements{}
	list := v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("4Gi")}
	p.Spec.Resources = &v1.ResourceRequirements{Requests: list, Limits: list}
	m := open(t, file, machine(6, 6), true)
	if why := admit(m, p, topology.SingleNUMANode, topology.PodScope); why != nil {
		t.Fatal(why)
	}
	for _, m := range []*Manager{m, open(t, file, machine(6, 6), true)} {
		if a, b := m.Nodes("u", "c0"), m.Nodes("u", "c1"); a != topology.NodesOf(0) || b != a {
			t.Errorf("got %v and %v", a, b)
		}
	}
	full := p.DeepCopy()
	full.UID = "v"
	full.Spec.Resources.Requests[v1.ResourceMemory], full.Spec.Resources.Limits[v1.ResourceMemory] = resource.MustParse("1Gi"), resource.MustParse("1Gi")
	if why := admit(m, full, topology.None, topology.PodScope); why == nil || why.Reason != "UnexpectedAdmissionError" {
		t.Errorf("got %v", why)
	}
	os.Remove(file)
	m = open(t, file, machine(6, 6), false)
	if why := admit(m, p, topology.Restricted, topology.ContainerScope); why != nil || m.Nodes("u", "c0") == 0 || m.Nodes("u", "c1") != 0 {
		t.Errorf("each for itself: got %v and %v, %v", m.Nodes("u", "c0"), m.Nodes("u", "c1"), why)
	}
}

// Whatever comes and goes, no more is given away than there is, a node is in one group alone, and what was remembered is
// what is known.
func TestNoMoreIsGivenThanThereIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	rapid.Check(t, func(t *rapid.T) {
		os.Remove(file)
		m := open(t, file, machine(4, 3, 3), false)
		var uids []types.UID
		for i := range rapid.IntRange(1, 14).Draw(t, "acts") {
			if len(uids) > 0 && rapid.Bool().Draw(t, "release") {
				if err := m.Release(uids[0]); err != nil {
					t.Fatal(err)
				}
				uids = uids[1:]
				continue
			}
			p := pod(fmt.Sprint(i), rapid.SliceOfN(rapid.SampledFrom([]string{"1Gi", "2Gi", "5Gi"}), 1, 2).Draw(t, "containers")...)
			p.Spec.InitContainers = pod("", rapid.SliceOfN(rapid.SampledFrom([]string{"1Gi", "4Gi"}), 0, 2).Draw(t, "inits")...).Spec.Containers
			for j := range p.Spec.InitContainers {
				p.Spec.InitContainers[j].Name = fmt.Sprint("i", j)
			}
			policy := rapid.SampledFrom([]string{topology.None, topology.BestEffort, topology.Restricted, topology.SingleNUMANode}).Draw(t, "policy")
			scope := rapid.SampledFrom([]string{topology.ContainerScope, topology.PodScope}).Draw(t, "scope")
			if why := admit(m, p, policy, scope); why == nil {
				uids = append(uids, p.UID)
				for c := range topology.Containers(p) {
					nodes := m.Nodes(p.UID, c.Name)
					if nodes == 0 || policy == topology.SingleNUMANode && nodes.Count() != 1 {
						t.Fatalf("%s got nodes %v", c.Name, nodes)
					}
				}
			}
		}
		groups := map[int]topology.Nodes{}
		sums := map[topology.Nodes]int64{}
		for _, uid := range uids {
			for _, blocks := range m.entries[uid].containers {
				for _, b := range blocks {
					sums[b.nodes()] += b.Size
					for _, id := range b.NUMAAffinity {
						if groups[id] != 0 && groups[id] != b.nodes() {
							t.Fatalf("node %d is in %v and %v", id, groups[id], b.nodes())
						}
						groups[id] = b.nodes()
					}
				}
			}
		}
		for nodes, sum := range sums {
			var has int64
			for _, id := range nodes.List() {
				has += []int64{2, 3, 3}[id] * gib
			}
			if sum > has {
				t.Fatalf("%d bytes of %v, which have %d", sum, nodes, has)
			}
		}
		again := open(t, file, machine(4, 3, 3), false)
		if len(again.entries) != len(uids) || !slices.ContainsFunc(append(uids, ""), func(uid types.UID) bool { return uid == "" || again.entries[uid] != nil }) {
			t.Fatalf("remembered %v, not %v", slices.Collect(maps.Keys(again.entries)), uids)
		}
	})
}

func TestReserved(t *testing.T) {
	limits := func(pairs ...string) v1.ResourceList {
		out := v1.ResourceList{}
		for i := 0; i < len(pairs); i += 2 {
			out[v1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
		}
		return out
	}
	kept := limits("memory", "3Gi")
	for name, c := range map[string]struct {
		list []kubeletv1beta1.MemoryReservation
		want string
	}{
		"split":           {[]kubeletv1beta1.MemoryReservation{{NumaNode: 0, Limits: limits("memory", "1Gi")}, {NumaNode: 1, Limits: limits("memory", "2Gi")}}, ""},
		"too little":      {[]kubeletv1beta1.MemoryReservation{{NumaNode: 0, Limits: limits("memory", "1Gi")}}, `the total amount 1073741824 of type "memory" is not equal to the value 3221225472`},
		"nothing":         {nil, "the total amount 0 of type"},
		"huge pages":      {[]kubeletv1beta1.MemoryReservation{{Limits: limits("memory", "3Gi", "hugepages-2Mi", "2Mi")}}, `of type "hugepages-2Mi" is not equal to the value 0`},
		"no such node":    {[]kubeletv1beta1.MemoryReservation{{NumaNode: 7, Limits: limits("memory", "3Gi")}}, "no NUMA node 7"},
		"a negative node": {[]kubeletv1beta1.MemoryReservation{{NumaNode: -1, Limits: limits("memory", "3Gi")}}, "NUMA node -1"},
		"no limits":       {[]kubeletv1beta1.MemoryReservation{{NumaNode: 1}}, "nothing is reserved"},
		"zero":            {[]kubeletv1beta1.MemoryReservation{{Limits: limits("memory", "0")}}, "must be positive"},
		"twice":           {[]kubeletv1beta1.MemoryReservation{{Limits: limits("memory", "1Gi")}, {Limits: limits("memory", "2Gi")}}, "given twice"},
		"another kind":    {[]kubeletv1beta1.MemoryReservation{{Limits: limits("cpu", "1")}}, `"cpu" is neither`},
	} {
		r, err := Parse(c.list)
		if err == nil {
			err = r.Check(machine(6, 6), kept)
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(machine(1), Options{Reserved: Reserved{0: {v1.ResourceMemory: 2 * gib}}}); err == nil {
		t.Error("more than the node has was reserved")
	}
}

// FuzzParse: whatever the file says, it is read or refused, and what was read can be written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"policyName":"Static","entries":{"u":{"c":[{"numaAffinity":[0],"type":"memory","size":7}]}},"podEntries":{"v":[{"numaAffinity":[0,1],"type":"hugepages-2Mi","size":7}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parse(text)
		if err != nil {
			return
		}
		m := &Manager{machine: machine(4, 4), entries: entries}
		if table, err := m.table(); err == nil {
			if _, err := json.Marshal(table); err != nil {
				t.Error(err)
			}
		}
	})
}
