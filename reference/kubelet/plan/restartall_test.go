package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// restarting returns a pod whose container a wants all to be restarted when it ends with 42.
func restarting(policy v1.RestartPolicy) *v1.Pod {
	p := pod(policy)
	p.Spec.Containers[0].RestartPolicyRules = []v1.ContainerRestartRule{{Action: v1.ContainerRestartRuleActionRestartAllContainers,
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
	return p
}

func TestARestartOfAllGoesStepByStep(t *testing.T) {
	ran := []v1.ContainerStatus{{Name: "a", ContainerID: "containerd://a0", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 42}}},
		{Name: "b", ContainerID: "containerd://b0", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}}}
	initRan := []v1.ContainerStatus{{Name: "i", ContainerID: "containerd://i0", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}},
		{Name: "s", ContainerID: "containerd://s0", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}
	debug := v1.EphemeralContainer{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "e", Image: "x"}}
	for _, c := range []struct {
		name      string
		state     *runtime.Pod
		condition v1.ConditionStatus
		backoff   map[string]BackOff
		want      []string
		restarted bool
	}{
		{"another code", with(exited("i", 0), running("s"), exited("a", 1), running("b"), running("e")), "", nil, nil, false},
		{"it ended so", with(exited("i", 0), running("s"), exited("a", 42), running("b"), running("e")), "", nil,
			[]string{"kill s0: Stopping container s", "kill b0: Stopping container b"}, false},
		{"all are dead", with(exited("i", 0), exited("s", 137), exited("a", 42), exited("b", 137), running("e")), v1.ConditionTrue, nil,
			[]string{"remove i0", "remove s0", "remove b0", "remove a0"}, true},
		{"it was restarted a moment ago", with(exited("i", 0), exited("s", 137), exited("a", 42), exited("b", 137), running("e")), v1.ConditionTrue,
			map[string]BackOff{"a": {Delay: 10 * time.Second, Since: t0.Add(-time.Minute), Hash: exited("a", 1).Hash}},
			[]string{"remove i0", "remove s0", "remove b0", "a waits: back-off 10s restarting failed container=a pod=p_ns(u)"}, false},
		{"the agent died while removing", with(exited("b", 137), running("e")), v1.ConditionTrue, nil, []string{"remove b0"}, false},
		{"all are removed", with(running("e")), v1.ConditionTrue, nil, []string{"start i1"}, false},
		{"the next round runs, the condition is not off yet", with(instance("i", 1, runtime.StateRunning, 0), running("e")), v1.ConditionTrue, nil, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := restarting(v1.RestartPolicyNever)
			p.Spec.EphemeralContainers = []v1.EphemeralContainer{debug}
			p.Status.ContainerStatuses, p.Status.InitContainerStatuses = ran, initRan
			if c.condition != "" {
				p.Status.Conditions = []v1.PodCondition{{Type: v1.AllContainersRestarting, Status: c.condition}}
			}
			started := map[string]bool{"s0": true}
			plan := Decide(Input{Pod: p, State: c.state, Now: t0, Started: started, BackOff: c.backoff})
			if diff := cmp.Diff(c.want, summary(plan)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (plan.Restarted != nil) != c.restarted {
				t.Errorf("restarted: %+v, want %v", plan.Restarted, c.restarted)
			}
			for _, k := range plan.Kill {
				if !k.AtOnce {
					t.Errorf("%s is given time", k.Name)
				}
			}
		})
	}
}
