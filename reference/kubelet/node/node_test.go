package node

import (
	"context"
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func self(o *Observed, objects ...*v1.Node) *Self {
	client := fake.NewClientset()
	for _, n := range objects {
		if err := client.Tracker().Add(n); err != nil {
			panic(err)
		}
	}
	return &Self{Name: "n", IPs: []string{"192.0.2.1"}, PodCIDR: "10.244.1.0/24", Port: 10250, Version: "v1", Client: client, Timing: Timing{Look: 10 * time.Second, Report: 5 * time.Minute, LeaseSeconds: 40},
		Machine: Machine{Capacity: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2")}},
		Observe: func(context.Context) Observed { return *o }}
}

func TestANodeIsReadyFromItsFirstMoment(t *testing.T) {
	s := self(&Observed{Runtime: "containerd://2"})
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := s.Node()
	if !Ready(n) || n.Spec.PodCIDR != "10.244.1.0/24" || n.Labels[v1.LabelHostname] != "n" || n.Status.DaemonEndpoints.KubeletEndpoint.Port != 10250 {
		t.Errorf("got %+v", n)
	}
	for _, c := range n.Status.Conditions {
		if c.Type == v1.NodeReady && (c.Reason != "KubeletReady" || c.Message != "kubelet is posting ready status") {
			t.Errorf("got %+v", c)
		}
	}
}

func TestANodeThatIsKnownKeepsWhatOthersGaveIt(t *testing.T) {
	old := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"theirs": "x"}}, Spec: v1.NodeSpec{Unschedulable: true}}
	s := self(&Observed{}, old)
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Node(); n.Labels["theirs"] != "x" || n.Labels[v1.LabelHostname] != "n" || !n.Spec.Unschedulable || !Ready(n) {
		t.Errorf("got %+v", n)
	}
}

func TestOnlyChangesAreReported(t *testing.T) {
	o := &Observed{}
	s := self(o)
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.differs(*o) {
		t.Error("nothing changed but time, and it would be reported")
	}
	o.Problems = []string{"container runtime is down"}
	if !s.differs(*o) {
		t.Error("the node is not ready any more, and it would not be reported")
	}
	if err := s.report(t.Context(), *o, false); err != nil || Ready(s.Node()) {
		t.Errorf("got %v, ready %v", err, Ready(s.Node()))
	}
}

func TestTransitionsKeepTheirTime(t *testing.T) {
	s, n, t0 := self(&Observed{}), &v1.Node{}, time.Unix(1000, 0)
	s.apply(n, Observed{}, t0)
	s.apply(n, Observed{DiskPressure: true}, t0.Add(time.Hour))
	for _, c := range n.Status.Conditions {
		want := t0
		if c.Type == v1.NodeDiskPressure {
			want = t0.Add(time.Hour)
		}
		if !c.LastTransitionTime.Time.Equal(want) || !c.LastHeartbeatTime.Time.Equal(t0.Add(time.Hour)) {
			t.Errorf("%s: transition %v, heartbeat %v", c.Type, c.LastTransitionTime, c.LastHeartbeatTime)
		}
	}
}

func TestProblemsOfTheRuntime(t *testing.T) {
	ok := &criv1.RuntimeStatus{Conditions: []*criv1.RuntimeCondition{{Type: criv1.RuntimeReady, Status: true}, {Type: criv1.NetworkReady, Status: true}}}
	if got := problems(ok); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	ok.Conditions[1] = &criv1.RuntimeCondition{Type: criv1.NetworkReady, Reason: "NetworkPluginNotReady", Message: "cni plugin not initialized"}
	want := "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"
	if got := problems(ok); len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestTheLargestImagesAreListed(t *testing.T) {
	var list []*criv1.Image
	for i := range 60 {
		list = append(list, &criv1.Image{Size: uint64(i), RepoTags: []string{"a", "b", "c", "d", "e", "f"}})
	}
	if all := images(list, -1); len(all) != 60 {
		t.Errorf("without a bound there are %d of 60", len(all))
	}
	got := images(list, 50)
	if len(got) != 50 || got[0].SizeBytes != 59 || len(got[0].Names) != maxNames {
		t.Errorf("got %d images, first %+v", len(got), got[0])
	}
}

func TestParseMemTotal(t *testing.T) {
	if got, err := parseMemTotal([]byte("MemTotal:        2048 kB\nMemFree: 1 kB\n")); err != nil || got != 2<<20 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := parseMemTotal([]byte("x")); err == nil {
		t.Error("no error without MemTotal")
	}
}

func TestFeaturesAreDeclaredInOrder(t *testing.T) {
	want := []string{"InPlacePodLevelResourcesVerticalScaling", "RestartAllContainersOnContainerExits"}
	if got := Declared("v1.37.2+etalon"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s := self(&Observed{})
	s.Declared = want
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Node().Status.DeclaredFeatures; !slices.Equal(got, want) {
		t.Errorf("the status has %v", got)
	}
}
