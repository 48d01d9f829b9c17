package pods

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// things are a plugin's devices of which each pod gets one.
type things struct {
	mu       sync.Mutex
	free     int
	has      map[types.UID]bool
	prepared map[types.UID]bool
	// slow is how long the plugin takes, refuses what it says then.
	slow    time.Duration
	refuses error
	health  v1.ResourceHealthStatus
}

func (d *things) Has(name v1.ResourceName) bool { return name == "etalon.dev/thing" }

func wants(c *v1.Container) bool { return !c.Resources.Limits.Name("etalon.dev/thing", "").IsZero() }

func (d *things) Reserve(pod *v1.Pod, c *v1.Container, _ []int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !wants(c) || d.has[pod.UID]:
		return nil
	case d.free == 0:
		return errors.New("requested number of devices unavailable for etalon.dev/thing. Requested: 1, Available: 0")
	}
	d.free--
	d.has[pod.UID] = true
	return nil
}

func (d *things) Pending(uid types.UID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.has[uid] && !d.prepared[uid]
}

func (d *things) Allocate(ctx context.Context, pod *v1.Pod) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d.slow):
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prepared[pod.UID] = d.refuses == nil
	return d.refuses
}

func (d *things) Settings(_ context.Context, pod *v1.Pod, c *v1.Container) (devices.Settings, error) {
	if !wants(c) {
		return devices.Settings{}, nil
	}
	return devices.Settings{Envs: map[string]string{"THING": "a", "OWN": "plugin"}, Annotations: map[string]string{"etalon.dev/thing": "a"},
		Mounts: []*criv1.Mount{{ContainerPath: "/thing"}}, Devices: []*criv1.Device{{ContainerPath: "/dev/thing"}}, CDI: []*criv1.CDIDevice{{Name: "etalon.dev/thing=a"}}}, nil
}

func (d *things) Health(uid types.UID, _ string) []v1.ResourceStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.has[uid] {
		return nil
	}
	return []v1.ResourceStatus{{Name: "etalon.dev/thing", Resources: []v1.ResourceHealth{{ResourceID: "a", Health: d.health}}}}
}

func (d *things) Release(uid types.UID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.has[uid] {
		d.free++
		delete(d.has, uid)
		delete(d.prepared, uid)
	}
	return nil
}

func (d *things) Retain(there func(types.UID) bool) error {
	for _, uid := range slices.Collect(maps.Keys(d.has)) {
		if !there(uid) {
			d.Release(uid)
		}
	}
	return nil
}

// withThing is a pod that asks for one.
func withThing(name string) *v1.Pod {
	p := sized(name, "100m", "16Mi")
	for _, list := range []v1.ResourceList{p.Spec.Containers[0].Resources.Limits, p.Spec.Containers[0].Resources.Requests} {
		list["etalon.dev/thing"] = resource.MustParse("1")
	}
	p.Spec.Containers[0].Env = []v1.EnvVar{{Name: "OWN", Value: "pod"}}
	p.Spec.Containers[0].Command = []string{"run", "$(THING)"}
	return p
}

// giving is the topology manager's view of things.
type giving struct{ *things }

func (giving) Hints(*v1.Pod, *v1.Container) map[string][]topology.Hint { return nil }
func (g giving) Allocate(pod *v1.Pod, c *v1.Container, _ topology.Hint) error {
	return g.Reserve(pod, c, nil)
}
func (giving) Save(types.UID) error { return nil }

func rigWithThings(t *testing.T, d *things) *rig {
	node := machine()
	node.Status.Allocatable[v1.ResourceCPU] = resource.MustParse("4")
	r := newRigOn(t, node, node)
	d.has, d.prepared, d.health = map[types.UID]bool{}, map[types.UID]bool{}, v1.ResourceHealthStatusHealthy
	r.Devices = d
	var err error
	if r.Topology, err = topology.New(topology.Policy{Name: topology.None}, nil, giving{d}); err != nil {
		t.Fatal(err)
	}
	r.settle()
	return r
}

func (r *rig) add(p *v1.Pod) {
	if err := r.client.Tracker().Add(p); err != nil {
		r.t.Fatal(err)
	}
	r.Update(p)
	r.settle()
}

func TestAPodGetsWhatItsDevicesNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &things{free: 1}
		r := rigWithThings(t, d)
		defer r.stop()
		r.add(withThing("p"))
		r.cri.mu.Lock()
		c := r.cri.configs["c"]
		r.cri.mu.Unlock()
		if c == nil {
			t.Fatal("no container")
		}
		var got []string
		for _, e := range c.Envs {
			got = append(got, e.Key+"="+string(e.Value))
		}
		got = append(got, c.Command...)
		got = append(got, c.Annotations["etalon.dev/thing"], c.Mounts[len(c.Mounts)-1].ContainerPath, c.Devices[0].ContainerPath, c.CDIDevices[0].Name)
		if want := []string{"THING=a", "OWN=pod", "run", "a", "a", "/thing", "/dev/thing", "etalon.dev/thing=a"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := fmt.Sprint(r.get("p").Status.ContainerStatuses[0].AllocatedResourcesStatus); got != "[{etalon.dev/thing [{a Healthy <nil>}]}]" {
			t.Errorf("its status says %s", got)
		}
		d.mu.Lock()
		d.health = v1.ResourceHealthStatusUnhealthy
		d.mu.Unlock()
		r.Wake("p")
		r.settle()
		if got := fmt.Sprint(r.get("p").Status.ContainerStatuses[0].AllocatedResourcesStatus); got != "[{etalon.dev/thing [{a Unhealthy <nil>}]}]" {
			t.Errorf("its status says %s of a broken one", got)
		}
	})
}

func TestAPodForWhichNoDeviceIsLeftIsRefusedUntilOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &things{free: 1}
		r := rigWithThings(t, d)
		defer r.stop()
		r.add(withThing("has"))
		r.add(withThing("late"))
		if s := r.get("late").Status; s.Reason != "UnexpectedAdmissionError" || s.Message != "Pod was rejected: Allocate failed due to requested number of "+
			"devices unavailable for etalon.dev/thing. Requested: 1, Available: 0, which is unexpected" {
			t.Errorf("got %s: %s", s.Reason, s.Message)
		}
		r.delete("has", 1)
		r.settle()
		r.settle()
		r.add(withThing("next"))
		if s := r.get("next").Status; s.Phase != v1.PodRunning {
			t.Errorf("the next one is %s: %s", s.Phase, s.Message)
		}
		// The node has no CPU for it: the device is another's to have.
		r.delete("next", 1)
		r.settle()
		r.settle()
		big := withThing("big")
		big.Spec.Containers[0].Resources.Requests[v1.ResourceCPU] = resource.MustParse("40")
		r.add(big)
		if s := r.get("big").Status; s.Reason != "OutOfcpu" {
			t.Errorf("the one that is too big: %s: %s", s.Reason, s.Message)
		}
		if d.free != 1 {
			t.Errorf("%d devices are free", d.free)
		}
	})
}

func TestAPluginThatRefusesOrHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &things{free: 2, refuses: errors.New("it is broken")}
		r := rigWithThings(t, d)
		defer r.stop()
		r.add(withThing("refused"))
		if s := r.get("refused").Status; s.Message != "Pod was rejected: Allocate failed due to it is broken, which is unexpected" || d.free != 2 {
			t.Errorf("got %s: %s, %d free", s.Reason, s.Message, d.free)
		}
		d.slow = time.Hour
		r.add(withThing("waits"))
		if s := r.get("waits").Status; s.Phase != v1.PodPending || d.free != 1 {
			t.Errorf("got %s: %s, %d free", s.Phase, s.Message, d.free)
		}
		r.delete("waits", 1)
		r.settle()
		if d.free != 2 {
			t.Errorf("%d free after its end", d.free)
		}
	})
}
