// Package plan decides what the agent must do next for one pod. It touches nothing: a pod's
// specification, what the runtime has of it and the time go in, the steps come out. Whoever
// carries them out asks again afterwards, with what the runtime says then.
package plan

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Input is all that a decision depends on.
type Input struct {
	Pod   *v1.Pod
	State *runtime.Pod
	Now   time.Time
	// Unhealthy says of running container instances, by id, why they must be killed.
	Unhealthy map[string]Fault
	// Started tells of instances, by id, that their startup probe passed (or that they have none).
	Started map[string]bool
	// BackOff holds the restart delays earned so far, by container name.
	BackOff map[string]BackOff
}

// Fault is a finding against a running container.
type Fault struct {
	// Probe is "liveness" or "startup".
	Probe string
}

// Plan is the steps to carry out now, in the order of the fields.
type Plan struct {
	// Finished: nothing of this pod will run again; what still runs (sidecars) is to be stopped.
	Finished bool
	Kill     []Kill
	// Remove lists instances that nobody needs any more.
	Remove []string
	// RemoveSandboxes lists dead sandboxes without containers.
	RemoveSandboxes []string
	// ReplaceSandbox: the sandbox is broken; stop it and everything in it first.
	ReplaceSandbox bool
	CreateSandbox  bool
	// SandboxAttempt numbers the sandbox to create.
	SandboxAttempt uint32
	Start          []Start
	// Restarted is the container whose end has all others restarted, when that was carried out.
	Restarted *Start
	// Waiting names the containers that a back-off holds back.
	Waiting map[string]v1.ContainerStateWaiting
	// Next is when to ask again although nothing changed; zero if never.
	Next time.Time
}

// Kill is one instance to stop.
type Kill struct {
	ID, Name string
	// Message tells users why, in the event Killing.
	Message string
	// Probe is the kind of probe that failed, empty if that is not the reason. Its own grace
	// period may override the pod's.
	Probe string
	// AtOnce: no hook is run, and nothing is waited for.
	AtOnce bool
}

// Start is one container to start.
type Start struct {
	Container *v1.Container
	Attempt   uint32
	Init      bool
	// Target names the container whose processes an ephemeral container sees; empty for its own only.
	Target string
	// After is when the instance before this one finished, zero if there is none.
	After time.Time
}

// Decide returns the next steps for the pod.
func Decide(in Input) Plan {
	var p Plan
	all := RestartingAll(in.Pod, in.State)
	if !all && Finished(in.Pod, in.State) {
		p.Finished = true
		return p
	}
	if sandbox := in.State.Sandbox(); !usable(in.Pod, sandbox) {
		p.CreateSandbox = true
		if sandbox != nil {
			p.ReplaceSandbox, p.SandboxAttempt = true, sandbox.Attempt+1
		}
		return p
	}
	d := decision{Input: in, plan: &p, sandbox: in.State.Sandbox().ID}
	if all && d.restartAll() {
		return p
	}
	d.ephemeralContainers()
	if d.initContainers() {
		for i := range in.Pod.Spec.Containers {
			d.keep(&in.Pod.Spec.Containers[i], false, in.State.Latest(in.Pod.Spec.Containers[i].Name))
		}
	}
	prune(in, &p)
	return p
}

// usable tells whether containers can be started in the sandbox.
func usable(pod *v1.Pod, s *runtime.Sandbox) bool {
	if s == nil || !s.Ready || s.HostNetwork != pod.Spec.HostNetwork {
		return false
	}
	return s.HostNetwork || len(s.IPs) > 0
}

type decision struct {
	Input
	plan    *Plan
	sandbox string
}

// keep sees to it that the container runs, or stays ended if its policy says so.
func (d *decision) keep(c *v1.Container, init bool, latest *runtime.Container) {
	if latest == nil {
		d.plan.Start = append(d.plan.Start, Start{Container: c, Init: init, Attempt: FirstAttempt(d.Pod, c.Name)})
		return
	}
	switch latest.State {
	case runtime.StateRunning:
		d.check(c, latest)
	case runtime.StateCreated:
		// Created and never started: the agent died in between. Nothing of it was seen by anyone.
		d.plan.Remove = append(d.plan.Remove, latest.ID)
		d.plan.Start = append(d.plan.Start, Start{Container: c, Init: init, Attempt: latest.Attempt})
	case runtime.StateUnknown:
		d.plan.Kill = append(d.plan.Kill, Kill{ID: latest.ID, Name: c.Name,
			Message: "Container is in unknown state, try killing it before restart"})
	case runtime.StateExited:
		if Restarts(d.Pod, c, latest.ExitCode) {
			d.restart(c, init, latest)
		}
	}
}

// restart starts the container again, unless it has to wait first.
func (d *decision) restart(c *v1.Container, init bool, ended *runtime.Container) {
	if until, delay := d.BackOff[c.Name].heldUntil(ended); d.Now.Before(until) {
		d.hold(c.Name, until, delay)
		return
	}
	d.plan.Start = append(d.plan.Start, Start{Container: c, Init: init, Attempt: ended.Attempt + 1, After: ended.FinishedAt})
}

// hold has the container wait until its back-off has passed.
func (d *decision) hold(name string, until time.Time, delay time.Duration) {
	if d.plan.Waiting == nil {
		d.plan.Waiting = map[string]v1.ContainerStateWaiting{}
	}
	d.plan.Waiting[name] = v1.ContainerStateWaiting{Reason: "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", delay, name, PodName(d.Pod))}
	d.askAgain(until)
}

// check kills a running container that is ill or was changed.
func (d *decision) check(c *v1.Container, running *runtime.Container) {
	var kill Kill
	fault, ill := d.Unhealthy[running.ID]
	switch {
	case running.Hash != "" && running.Hash != runtime.Hash(c):
		kill.Message = fmt.Sprintf("Container %s definition changed", c.Name)
	case ill:
		kill.Message, kill.Probe = fmt.Sprintf("Container %s failed %s probe", c.Name, fault.Probe), fault.Probe
	default:
		return
	}
	// 137 stands for any failure: a killed container did not end well.
	if Restarts(d.Pod, c, 137) {
		kill.Message += ", will be restarted"
	}
	kill.ID, kill.Name = running.ID, c.Name
	d.plan.Kill = append(d.plan.Kill, kill)
}

func (d *decision) askAgain(t time.Time) {
	if d.plan.Next.IsZero() || t.Before(d.plan.Next) {
		d.plan.Next = t
	}
}

// PodName is how messages for users name a pod: name_namespace(uid).
func PodName(pod *v1.Pod) string {
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
