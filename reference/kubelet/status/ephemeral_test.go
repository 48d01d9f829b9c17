package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func TestEphemeralContainers(t *testing.T) {
	old := []v1.ContainerStatus{{Name: "e", ContainerID: "containerd://gone", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}
	for _, c := range []struct {
		name    string
		state   *runtime.Pod
		waiting map[string]v1.ContainerStateWaiting
		old     []v1.ContainerStatus
		want    string
	}{
		{"not started", state("a=running"), nil, nil, "waits ContainerCreating"},
		{"without its image", state("a=running"), map[string]v1.ContainerStateWaiting{"e": {Reason: "ErrImagePull"}}, nil, "waits ErrImagePull"},
		{"running", state("a=running", "e=running"), nil, nil, "running"},
		{"ended well", state("a=running", "e=0"), nil, nil, "Completed"},
		{"ended badly", state("a=running", "e=3"), nil, nil, "Error"},
		{"lost", state("a=running"), nil, old, "ContainerStatusUnknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pod(v1.RestartPolicyAlways, "a")
			p.Spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "e", Image: "x"}}}
			p.Status.EphemeralContainerStatuses = c.old
			s := Compute(Input{Pod: p, State: c.state, Now: t0, Ready: all(c.state), Started: all(c.state), Waiting: c.waiting})
			if len(s.EphemeralContainerStatuses) != 1 {
				t.Fatalf("got %+v", s.EphemeralContainerStatuses)
			}
			e := s.EphemeralContainerStatuses[0]
			got := "running"
			switch {
			case e.State.Waiting != nil:
				got = "waits " + e.State.Waiting.Reason
			case e.State.Terminated != nil:
				got = e.State.Terminated.Reason
			}
			if got != c.want || e.Ready || e.Started != nil || e.RestartCount != 0 {
				t.Errorf("got %s, %+v; want %s, neither ready nor started, never restarted", got, e, c.want)
			}
			s.EphemeralContainerStatuses, p.Spec.EphemeralContainers, p.Status.EphemeralContainerStatuses = nil, nil, nil
			without := Compute(Input{Pod: p, State: c.state, Now: t0, Ready: all(c.state), Started: all(c.state), Waiting: c.waiting})
			if diff := cmp.Diff(without, s); diff != "" {
				t.Errorf("the rest of the pod's status depends on it: -without +with\n%s", diff)
			}
		})
	}
}
