package devices

import (
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

var _ topology.Provider = Provider{}

func TestHints(t *testing.T) {
	const both = "[{0 true} {1 true} {0,1 false}]"
	for _, c := range []struct {
		name                      string
		count                     int
		all, used, reusable, held string
		want                      string
	}{
		{"it does not matter", 1, "a b", "", "", "", "[]"},
		{"either node", 1, "a@0 b@1", "", "", "", both},
		{"only the node that has one left", 1, "a@0 b@1", "a@0", "", "", "[{1 true} {0,1 false}]"},
		{"both nodes are needed", 2, "a@0 b@1", "", "", "", "[{0,1 true}]"},
		{"one node would do if it were free", 2, "a@0 b@0 c@1", "b@0", "", "", "[{0,1 false}]"},
		{"what is reused has to be near", 2, "a@0 b@1 c@1 d@1", "b@1", "b@1", "", "[{1 true} {0,1 false}]"},
		{"too few are left", 2, "a@0 b@1", "a@0", "", "", "[]"},
		{"what it has", 1, "a@0 b@1", "", "", "b@1", "[{1 true} {0,1 false}]"},
	} {
		used := map[string]bool{}
		for _, d := range on(c.used) {
			used[d.ID] = true
		}
		r := request{count: c.count, all: on(c.all), reusable: on(c.reusable), has: on(c.held)}
		for _, d := range r.all {
			if !used[d.ID] {
				r.available = append(r.available, d)
			}
		}
		got := r.hints(topology.NodesOf(0, 1))
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
		if c.name == "it does not matter" && got != nil || c.name == "too few are left" && got == nil {
			t.Errorf("%s: nil is %v", c.name, got == nil)
		}
	}
}

func TestDevicesComeFromTheNodesThatAreWanted(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(nil, "a")
	near := func(id string, node int64) *api.Device {
		return &api.Device{ID: id, Health: api.Healthy, Topology: &api.TopologyInfo{Nodes: []*api.NUMANode{{ID: node}}}}
	}
	f.lists <- []*api.Device{near("a", 0), near("b", 1), near("c", 0), near("d", 1)}
	<-k.changes
	p, provider := pod("p", container("main", "1"), container("more", "1")), Provider{Manager: k.Manager, Nodes: topology.NodesOf(0, 1)}
	if got := fmt.Sprint(provider.Hints(p, &p.Spec.Containers[0])[thing]); got != "[{0 true} {1 true} {0,1 false}]" {
		t.Errorf("hints %s", got)
	}
	if got := fmt.Sprint(provider.Hints(p, nil)[thing]); got != "[{0 true} {1 true} {0,1 false}]" {
		t.Errorf("hints of the pod %s", got)
	}
	for i := range p.Spec.Containers {
		if err := provider.Allocate(p, &p.Spec.Containers[i], topology.Hint{Nodes: topology.NodesOf(1)}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := k.has("p", "main"), k.has("p", "more"); a != "b" || b != "d" {
		t.Errorf("got %s and %s", a, b)
	}
	if got := fmt.Sprint(provider.Hints(p, &p.Spec.Containers[0])[thing]); got != "[{1 true} {0,1 false}]" {
		t.Errorf("hints of what it has %s", got)
	}
	if got := provider.Hints(p, &v1.Container{Name: "none"}); len(got) != 0 {
		t.Errorf("hints of a container without: %v", got)
	}
}
