package runtime

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestDifferences(t *testing.T) {
	before := map[string]picture{"same": {"p1", 1}, "moved": {"p2", 1}, "gone": {"p3", 1}, "foreign": {"", 1}}
	after := map[string]picture{"same": {"p1", 1}, "moved": {"p2", 2}, "new": {"p4", 0}}
	got := slices.Sorted(maps.Keys(differences(before, after)))
	if diff := cmp.Diff([]types.UID{"p2", "p3", "p4"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheNewestComesFirst(t *testing.T) {
	at := time.Unix(1, 0)
	p := &Pod{
		Sandboxes: []Sandbox{{ID: "0", CreatedAt: at}, {ID: "1", Attempt: 1, CreatedAt: at.Add(1)}},
		Containers: []Container{{ID: "a0", Name: "a", CreatedAt: at}, {ID: "a2", Name: "a", Attempt: 2, CreatedAt: at.Add(1)},
			{ID: "a1", Name: "a", Attempt: 1, CreatedAt: at.Add(1), State: StateRunning}},
	}
	p.order()
	if p.Sandbox().ID != "1" || p.Latest("a").ID != "a2" || p.Previous("a").ID != "a1" || p.Latest("b") != nil || len(p.Running()) != 1 {
		t.Errorf("got %+v", p)
	}
	var none *Pod
	if none.Sandbox() != nil || none.Latest("a") != nil || none.Running() != nil || none.Container("x") != nil {
		t.Error("a pod that the runtime does not know has something")
	}
}

func TestWhatTheRuntimeSaysOfAContainer(t *testing.T) {
	c := containerOf(&criv1.ContainerStatus{
		Id: "x", Metadata: &criv1.ContainerMetadata{Attempt: 3}, State: criv1.ContainerState_CONTAINER_EXITED, ExitCode: 137, Reason: "OOMKilled",
		Labels: map[string]string{ContainerNameLabel: "c"}, FinishedAt: 5,
		Annotations: map[string]string{TerminationMessagePathAnnotation: "/dev/termination-log",
			TerminationMessagePolicyAnnotation: string(v1.TerminationMessageFallbackToLogsOnError), HashAnnotation: "h"},
		Mounts: []*criv1.Mount{{ContainerPath: "/x", HostPath: "/no"}, {ContainerPath: "/dev/termination-log", HostPath: "/yes"}},
	})
	if c.Name != "c" || c.Attempt != 3 || c.State != StateExited || c.MessagePath != "/yes" || !c.MessageFromLogs || !c.StartedAt.IsZero() || c.Hash != "h" {
		t.Errorf("got %+v", c)
	}
}

func TestAnotherImageIsAnotherContainer(t *testing.T) {
	a, b := &v1.Container{Name: "c", Image: "x:1"}, &v1.Container{Name: "c", Image: "x:2"}
	if Hash(a) == Hash(b) || Hash(a) != Hash(a.DeepCopy()) {
		t.Errorf("hashes %s and %s", Hash(a), Hash(b))
	}
}
