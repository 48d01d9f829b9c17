package resize

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func amounts(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

func asking(name, cpu, memory string) *v1.Pod {
	p := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: amounts(cpu, memory)}}}}}
	p.Name = name
	return p
}

func TestJudge(t *testing.T) {
	node := &v1.Node{Status: v1.NodeStatus{Allocatable: amounts("2", "1Gi")}}
	for name, c := range map[string]struct {
		pod   *v1.Pod
		lacks string
		want  *Refusal
	}{
		"fits":            {asking("p", "2", "1Gi"), "", nil},
		"too much memory": {asking("p", "3", "2Gi"), "", &Refusal{"Infeasible", "Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824"}},
		"too much CPU":    {asking("p", "3", "1Gi"), "no", &Refusal{"Infeasible", "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"}},
		"no room":         {asking("p", "2", "1Gi"), "no room", &Refusal{"Deferred", "no room"}},
	} {
		got := Judge(node, c.pod, func(*v1.Node, *v1.Pod) string { return c.lacks })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestOrder(t *testing.T) {
	at := time.Unix(1000, 0)
	wish := func(name, cpu string, priority int32, qos v1.PodQOSClass, waits time.Duration) Waiting {
		w := asking(name, cpu, "1Mi")
		w.Spec.Priority, w.Status.QOSClass = ptr.To(priority), qos
		return Waiting{Wanted: w, Allocated: asking(name, "1", "1Mi"), Since: at.Add(-waits)}
	}
	list := []Waiting{
		wish("late", "2", 0, v1.PodQOSBurstable, time.Second), wish("early", "2", 0, v1.PodQOSBurstable, time.Minute),
		wish("guaranteed", "2", 0, v1.PodQOSGuaranteed, 0), wish("urgent", "2", 5, v1.PodQOSBurstable, 0), wish("shrinks", "500m", -5, v1.PodQOSBurstable, 0),
	}
	Order(list)
	var got []string
	for _, w := range list {
		got = append(got, w.Wanted.Name)
	}
	if diff := cmp.Diff([]string{"shrinks", "urgent", "guaranteed", "early", "late"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func drawPod(t *rapid.T) *v1.Pod {
	requirements := func(label string) v1.ResourceRequirements {
		list := func(label string) v1.ResourceList {
			l := v1.ResourceList{}
			for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage} {
				if rapid.Bool().Draw(t, label+string(name)) {
					l[name] = *resource.NewQuantity(rapid.Int64Range(1, 3).Draw(t, label+string(name)), resource.DecimalSI)
				}
			}
			return l
		}
		return v1.ResourceRequirements{Requests: list(label + " request "), Limits: list(label + " limit ")}
	}
	p := &v1.Pod{}
	for _, name := range []string{"a", "b"} {
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: name, Resources: requirements(name)})
	}
	p.Spec.InitContainers = []v1.Container{{Name: "i", Resources: requirements("i")}}
	if rapid.Bool().Draw(t, "whole") {
		r := requirements("pod")
		p.Spec.Resources = &r
	}
	return p
}

// What is allocated is what the pod runs with, whatever it asks for; nothing else of it changes.
func TestApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		was, now := drawPod(t), drawPod(t)
		if was.Spec.Resources == nil || now.Spec.Resources == nil {
			was.Spec.Resources, now.Spec.Resources = nil, nil
		}
		a := Of(was)
		again, err := Parse(a.String())
		if err != nil || !Same(a, again) {
			t.Fatalf("%v, written and read, is %v (%v)", a, again, err)
		}
		got := a.Apply(now)
		if !Same(Of(got), a) {
			t.Fatalf("got %v, want %v", Of(got), a)
		}
		if !Same(Of(Of(now).Apply(got)), Of(now)) {
			t.Fatal("cannot be undone")
		}
		for i, c := range got.Spec.Containers {
			if x, y := c.Resources.Requests[v1.ResourceEphemeralStorage], now.Spec.Containers[i].Resources.Requests[v1.ResourceEphemeralStorage]; x.Cmp(y) != 0 {
				t.Fatal("ephemeral storage changed")
			}
		}
		if Same(a, Of(now)) && got != now {
			t.Fatal("copied in vain")
		}
	})
}

func TestRestarts(t *testing.T) {
	pod := asking("p", "1", "1Mi")
	pod.Spec.Containers[0].ResizePolicy = []v1.ContainerResizePolicy{{ResourceName: v1.ResourceMemory, RestartPolicy: v1.RestartContainer}}
	has := Of(pod)
	for wish, want := range map[*v1.Pod]int{asking("p", "2", "1Mi"): 0, asking("p", "1", "2Mi"): 1, asking("p", "1", "1Mi"): 0} {
		if got := Restarts(pod, has, Of(wish)); len(got) != want {
			t.Errorf("%v: got %v", wish.Spec.Containers[0].Resources, got)
		}
	}
}

// The pod's limit is that of containers without their own: they are restarted for it if they say so.
func TestRestartsForThePodsLimit(t *testing.T) {
	pod := asking("p", "1", "1Mi")
	whole := &v1.ResourceRequirements{Limits: amounts("2", "4Mi")}
	pod.Spec.Resources = whole
	pod.Spec.Containers[0].ResizePolicy = []v1.ContainerResizePolicy{{ResourceName: v1.ResourceMemory, RestartPolicy: v1.RestartContainer}}
	change := func(limits v1.ResourceList, own v1.ResourceList) int {
		has := pod.DeepCopy()
		has.Spec.Containers[0].Resources.Limits = own
		wish := has.DeepCopy()
		wish.Spec.Resources = &v1.ResourceRequirements{Limits: limits}
		return len(Restarts(wish, Of(has), Of(wish)))
	}
	for name, c := range map[string]struct {
		got, want int
	}{
		"memory":         {change(amounts("2", "8Mi"), nil), 1},
		"CPU":            {change(amounts("3", "4Mi"), nil), 0},
		"it has its own": {change(amounts("2", "8Mi"), amounts("1", "2Mi")), 0},
		"nothing":        {change(amounts("2", "4Mi"), nil), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d containers are restarted, want %d", name, c.got, c.want)
		}
	}
}

func TestUpdates(t *testing.T) {
	running := func(name string, has *criv1.LinuxContainerResources) runtime.Container {
		return runtime.Container{ID: name, Name: name, State: runtime.StateRunning, Resources: has}
	}
	linux := func(shares, quota, memory int64) *criv1.LinuxContainerResources {
		return &criv1.LinuxContainerResources{CpuShares: shares, CpuQuota: quota, MemoryLimitInBytes: memory}
	}
	pod := &v1.Pod{}
	state := &runtime.Pod{}
	wanted := map[string]*criv1.LinuxContainerResources{}
	for _, c := range []struct {
		name      string
		has, want *criv1.LinuxContainerResources
	}{
		{"grows", linux(512, 50000, 64), linux(1024, 100000, 64)},
		{"shrinks", linux(512, 50000, 64), linux(512, 25000, 64)},
		{"gets a limit", linux(512, 0, 0), linux(512, 0, 64)},
		{"stays", linux(512, 50000, 64), linux(512, 50000, 64)},
		{"keeps its limit", linux(512, 50000, 64), linux(512, 0, 64)},
		{"is not told of", nil, linux(512, 0, 64)},
		{"moves", linux(512, 50000, 64), &criv1.LinuxContainerResources{CpuShares: 512, CpusetCpus: "1"}},
	} {
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: c.name})
		state.Containers = append(state.Containers, running(c.name, c.has))
		wanted[c.name] = c.want
	}
	pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: "ended"})
	state.Containers = append(state.Containers, runtime.Container{Name: "ended", State: runtime.StateExited, Resources: linux(2, 0, 0)})
	var got []string
	for _, u := range Updates(pod, state, func(c *v1.Container) *criv1.LinuxContainerResources { return wanted[c.Name] }) {
		got = append(got, u.ID)
		if u.Memory != (u.ID == "gets a limit") || u.Moves != (u.ID == "moves") {
			t.Errorf("%s: memory limit goes down: %t, moves: %t", u.ID, u.Memory, u.Moves)
		}
	}
	if diff := cmp.Diff([]string{"shrinks", "gets a limit", "grows", "moves"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRaised(t *testing.T) {
	want := cgroups.Limits{Shares: 1024, Quota: 100000, Period: 100000, Memory: 64}
	for name, c := range map[string]struct{ has, got cgroups.Limits }{
		"it had less":     {cgroups.Limits{Quota: 50000, Period: 100000, Memory: 32}, want},
		"it had more":     {cgroups.Limits{Quota: 200000, Period: 100000, Memory: 128}, cgroups.Limits{Shares: 1024}},
		"it had no limit": {cgroups.Limits{}, cgroups.Limits{Shares: 1024}},
		"more CPU in another period, less memory": {cgroups.Limits{Quota: 50000, Period: 10000, Memory: 32},
			cgroups.Limits{Shares: 1024, Memory: 64}},
	} {
		if diff := cmp.Diff(c.got, Raised(c.has, want)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	c, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	a := Of(asking("p", "1", "1Mi"))
	for _, uid := range []types.UID{"u", "v"} {
		if err := c.Set(uid, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete("v"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := again.Get("u")
	if _, gone := again.Get("v"); !ok || gone || !Same(got, a) {
		t.Errorf("got %v, %t; the deleted pod is there: %t", got, ok, gone)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("read what another version wrote")
	}
}

// FuzzParse: whatever the file says, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"pods":{"u":{"containers":{"c":{"requests":{"cpu":"1"}}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := parse(text); err == nil {
			for _, a := range d.Pods {
				if !Same(a, a) {
					t.Errorf("%v is not itself", a)
				}
			}
		}
	})
}
