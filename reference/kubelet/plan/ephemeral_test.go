package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func TestEphemeralContainersAreStartedOnce(t *testing.T) {
	gone := func(state v1.ContainerState) []v1.ContainerStatus {
		return []v1.ContainerStatus{{Name: "e", ContainerID: "containerd://gone", State: state}}
	}
	for _, c := range []struct {
		name   string
		state  *runtime.Pod
		status []v1.ContainerStatus
		want   []string
	}{
		{"no sandbox yet", &runtime.Pod{}, nil, []string{"create sandbox 0"}},
		{"new, beside running containers", with(running("a")), nil, []string{"start e0"}},
		{"new, while an init container fails", with(exited("i", 1)), nil, []string{"start e0", "start i1"}},
		{"running", with(running("a"), running("e")), nil, nil},
		{"ended well", with(running("a"), exited("e", 0)), nil, nil},
		{"ended badly", with(running("a"), exited("e", 1)), nil, nil},
		{"created when the agent died", with(running("a"), instance("e", 0, runtime.StateCreated, 0)), nil, []string{"remove e0", "start e0"}},
		{"lost with the node's state while it ran", with(running("a")), gone(v1.ContainerState{Running: &v1.ContainerStateRunning{}}), nil},
		{"lost with the node's state after it ended", with(running("a")), gone(v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}), nil},
		{"its image could not be pulled", with(running("a")), []v1.ContainerStatus{{Name: "e",
			State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}, []string{"start e0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pod(v1.RestartPolicyAlways)
			p.Spec.InitContainers, p.Spec.Containers = p.Spec.InitContainers[:1], p.Spec.Containers[:1]
			if c.state.Latest("i") == nil && c.state.Sandbox() != nil {
				p.Spec.InitContainers = nil
			}
			p.Spec.EphemeralContainers = []v1.EphemeralContainer{{
				EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "e", Image: "x"}, TargetContainerName: "a"}}
			p.Status.EphemeralContainerStatuses = c.status
			plan := Decide(Input{Pod: p, State: c.state, Now: t0})
			if diff := cmp.Diff(c.want, summary(plan)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, s := range plan.Start {
				if s.Container.Name == "e" && s.Target != "a" {
					t.Errorf("target %q, want a", s.Target)
				}
			}
		})
	}
}

func TestEphemeralContainersDoNotKeepAPodAlive(t *testing.T) {
	p := pod(v1.RestartPolicyNever)
	p.Spec.InitContainers, p.Spec.Containers = nil, p.Spec.Containers[:1]
	p.Spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "e", Image: "x"}}}
	if got := Decide(Input{Pod: p, State: with(exited("a", 0), running("e")), Now: t0}); !got.Finished {
		t.Errorf("got %v, want finished", summary(got))
	}
}
