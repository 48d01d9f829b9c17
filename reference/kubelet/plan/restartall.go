package plan

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// RestartingAll tells whether all containers of the pod are to be restarted, since one of them ended as its rules want
// for that (KEP-5532). It is so from that end until nothing is left of the round of containers that ran then; the pod's
// condition remembers it over the death of the agent.
func RestartingAll(pod *v1.Pod, state *runtime.Pod) bool {
	return trigger(pod, state) != nil || restartingAll(pod)
}

// Trigger is the name and the exit code of the container that wants all to be restarted; empty if none does.
func Trigger(pod *v1.Pod, state *runtime.Pod) (string, int32) {
	if c := trigger(pod, state); c != nil {
		return c.Name, c.ExitCode
	}
	return "", 0
}

func restartingAll(pod *v1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.AllContainersRestarting {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

// trigger is the ended instance that wants all containers to be restarted, nil if there is none.
func trigger(pod *v1.Pod, state *runtime.Pod) *runtime.Container {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			latest := state.Latest(list[i].Name)
			if latest != nil && latest.State == runtime.StateExited &&
				ruled(&list[i], latest.ExitCode) == v1.ContainerRestartRuleActionRestartAllContainers {
				return latest
			}
		}
	}
	return nil
}

// ruled is the action of the first of the container's rules that fits the exit code, empty if none does.
func ruled(c *v1.Container, exitCode int32) v1.ContainerRestartRuleAction {
	for _, rule := range c.RestartPolicyRules {
		if matches(rule.ExitCodes, exitCode) {
			return rule.Action
		}
	}
	return ""
}

// round returns the instances that ran when the restart of all began: those that the pod's status counts. What was
// started since has a higher number. Ephemeral containers stay.
func round(pod *v1.Pod, state *runtime.Pod, source *runtime.Container) (out []*runtime.Container) {
	for i := range state.Containers {
		c := &state.Containers[i]
		if find(pod, c.Name) == nil {
			continue
		}
		if s := statusOf(pod, c.Name); source != nil || s == nil || c.Attempt <= uint32(s.RestartCount) {
			out = append(out, c)
		}
	}
	return out
}

// RoundLeft tells whether anything is left of the containers that ran when the restart of all began.
func RoundLeft(pod *v1.Pod, state *runtime.Pod) bool {
	return len(round(pod, state, trigger(pod, state))) > 0
}

func find(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// restartAll brings the end of a round forward by one step: everything that runs is killed, in no order and without
// grace; then all instances are removed, the one that wanted it last, once its back-off has passed. It returns false
// when the round is over.
func (d *decision) restartAll() bool {
	source := trigger(d.Pod, d.State)
	left := round(d.Pod, d.State, source)
	if len(left) == 0 {
		return false
	}
	for _, c := range left {
		if c.State == runtime.StateRunning || c.State == runtime.StateUnknown {
			d.plan.Kill = append(d.plan.Kill, Kill{ID: c.ID, Name: c.Name, Message: "Stopping container " + c.Name, AtOnce: true})
		}
	}
	if len(d.plan.Kill) > 0 {
		return true
	}
	held := false
	if source != nil {
		until, delay := d.BackOff[source.Name].heldUntil(source)
		if held = d.Now.Before(until); held {
			d.hold(source.Name, until, delay)
		} else {
			d.plan.Restarted = &Start{Container: find(d.Pod, source.Name), After: source.FinishedAt}
		}
	}
	for _, c := range left {
		if source == nil || c.ID != source.ID {
			d.plan.Remove = append(d.plan.Remove, c.ID)
		}
	}
	if source != nil && !held {
		d.plan.Remove = append(d.plan.Remove, source.ID)
	}
	return true
}
