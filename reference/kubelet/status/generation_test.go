package status

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Each condition of the agent's tells which generation of the pod it was seen of (KEP-5067); what others said stays theirs.
func TestConditionsTellTheGeneration(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	scheduled := metav1.NewTime(t0.Add(-time.Hour))
	p.Status.Conditions = []v1.PodCondition{
		{Type: v1.PodScheduled, Status: v1.ConditionTrue, ObservedGeneration: 1, LastTransitionTime: scheduled},
		{Type: "theirs", Status: v1.ConditionTrue, ObservedGeneration: 1}}
	for name, in := range map[string]Input{
		"running":  {},
		"rejected": {Ended: true, Verdict: &Verdict{Reason: "OutOfcpu", Rejected: true}},
	} {
		in.Pod, in.State, in.Now = p, state("a=running"), t0
		s := Compute(in)
		seen := map[v1.PodConditionType]v1.PodCondition{}
		for _, c := range s.Conditions {
			seen[c.Type] = c
			want := p.Generation
			if c.Type == "theirs" {
				want = 1
			}
			if c.ObservedGeneration != want {
				t.Errorf("%s: %s is of generation %d, want %d", name, c.Type, c.ObservedGeneration, want)
			}
		}
		if c := seen[v1.PodScheduled]; c.Status != v1.ConditionTrue || !c.LastTransitionTime.Equal(&scheduled) {
			t.Errorf("%s: got %+v, want the time at which it was scheduled", name, c)
		}
		if _, ok := seen["theirs"]; !ok || s.ObservedGeneration != p.Generation {
			t.Errorf("%s: generation %d, conditions %v", name, s.ObservedGeneration, s.Conditions)
		}
	}
}

func TestARestartOfAllShowsInTheStatus(t *testing.T) {
	p := pod(v1.RestartPolicyNever, "i:x", "a", "b")
	p.Spec.Containers[0].RestartPolicyRules = []v1.ContainerRestartRule{{Action: v1.ContainerRestartRuleActionRestartAllContainers,
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
	of := func(s v1.PodStatus, which v1.PodConditionType) *v1.PodCondition {
		return condition(&v1.Pod{Status: s}, which)
	}
	in := Input{Pod: p, State: state("x=0", "a=running", "b=running"), Now: t0, TakenOn: t0}
	in.Ready, in.Started = all(in.State), all(in.State)
	s := Compute(in)
	if c := of(s, v1.AllContainersRestarting); c != nil {
		t.Errorf("before: %+v", c)
	}
	in.Pod, in.State = Adopt(p, &s), state("x=0", "a=42", "b=running")
	s = Compute(in)
	if c := of(s, v1.AllContainersRestarting); c == nil || c.Status != v1.ConditionTrue || c.Reason != "ContainerExited" ||
		c.Message != "Container a exited with code 42, triggering pod restart" {
		t.Errorf("a has ended: %+v", c)
	}
	in.Pod, in.State = Adopt(p, &s), state()
	s = Compute(in)
	if c := of(s, v1.AllContainersRestarting); c.Status != v1.ConditionFalse {
		t.Errorf("all are removed: %+v", c)
	}
	if c := of(s, v1.PodInitialized); c.Status != v1.ConditionTrue {
		t.Errorf("it is not initialized any more: %+v", c)
	}
	if got := summary(s); got != "Pending, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, AllContainersRestarting:, x waits PodInitializing, a waits PodInitializing, b waits PodInitializing" {
		t.Errorf("all are removed: %s", got)
	}
	for _, c := range s.ContainerStatuses {
		if c.LastTerminationState.Terminated == nil {
			t.Errorf("%s does not say how it ended: %+v", c.Name, c)
		}
	}
}
