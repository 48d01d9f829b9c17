package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// pod returns a pod with one init container i, one sidecar s and the app containers a and b.
func pod(policy v1.RestartPolicy) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"},
		Spec: v1.PodSpec{
			RestartPolicy: policy,
			InitContainers: []v1.Container{
				{Name: "i", Image: "x"},
				{Name: "s", Image: "x", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)},
			},
			Containers: []v1.Container{{Name: "a", Image: "x"}, {Name: "b", Image: "x"}},
		},
	}
}

// instance is one instance in sandbox S1; code is its exit code if it exited.
func instance(name string, attempt uint32, state runtime.State, code int32) runtime.Container {
	return runtime.Container{
		ID: name + string(rune('0'+attempt)), Name: name, SandboxID: "S1", Attempt: attempt, State: state, ExitCode: code,
		Hash: runtime.Hash(&v1.Container{Name: name, Image: "x"}), FinishedAt: t0,
	}
}

func running(name string) runtime.Container         { return instance(name, 0, runtime.StateRunning, 0) }
func exited(name string, c int32) runtime.Container { return instance(name, 0, runtime.StateExited, c) }
func with(cs ...runtime.Container) *runtime.Pod {
	return &runtime.Pod{
		Sandboxes:  []runtime.Sandbox{{ID: "S1", Ready: true, IPs: []string{"10.0.0.1"}}},
		Containers: cs,
	}
}

// summary is a plan in words.
func summary(p Plan) []string {
	var out []string
	if p.Finished {
		out = append(out, "finished")
	}
	for _, k := range p.Kill {
		out = append(out, "kill "+k.ID+": "+k.Message)
	}
	for _, id := range p.Remove {
		out = append(out, "remove "+id)
	}
	if p.ReplaceSandbox {
		out = append(out, "replace sandbox")
	}
	if p.CreateSandbox {
		out = append(out, "create sandbox "+string(rune('0'+p.SandboxAttempt)))
	}
	for _, s := range p.Start {
		out = append(out, "start "+s.Container.Name+string(rune('0'+s.Attempt)))
	}
	for _, name := range []string{"i", "s", "a", "b"} {
		if w, ok := p.Waiting[name]; ok {
			out = append(out, name+" waits: "+w.Message)
		}
	}
	return out
}

func TestDecide(t *testing.T) {
	always, onFailure, never := v1.RestartPolicyAlways, v1.RestartPolicyOnFailure, v1.RestartPolicyNever
	started := map[string]bool{"s0": true}
	crashing := map[string]BackOff{"a": {Delay: 10 * time.Second, Since: t0.Add(-time.Minute), Hash: exited("a", 1).Hash}}
	old := func(c runtime.Container) runtime.Container { c.SandboxID = "S0"; return c }
	dead := func(cs ...runtime.Container) *runtime.Pod {
		p := with(cs...)
		p.Sandboxes[0].Ready = false
		return p
	}
	for _, c := range []struct {
		name   string
		policy v1.RestartPolicy
		state  *runtime.Pod
		in     Input
		want   []string
	}{
		{"nothing yet", always, &runtime.Pod{}, Input{}, []string{"create sandbox 0"}},
		{"sandbox without address", always, &runtime.Pod{Sandboxes: []runtime.Sandbox{{ID: "S1", Ready: true}}}, Input{},
			[]string{"replace sandbox", "create sandbox 1"}},
		{"first init container", always, with(), Input{}, []string{"start i0"}},
		{"init container running", always, with(running("i")), Input{}, nil},
		{"init container failed", always, with(exited("i", 1)), Input{}, []string{"start i1"}},
		{"init container failed for good", never, with(exited("i", 1)), Input{}, []string{"finished"}},
		{"init container done", always, with(exited("i", 0)), Input{}, []string{"start s0"}},
		{"sidecar not started", always, with(exited("i", 0), running("s")), Input{}, nil},
		{"sidecar started", always, with(exited("i", 0), running("s")), Input{Started: started}, []string{"start a0", "start b0"}},
		{"all running", always, with(exited("i", 0), running("s"), running("a"), running("b")), Input{Started: started}, nil},
		{"sidecar died among running", always, with(exited("i", 0), exited("s", 0), running("a"), running("b")), Input{},
			[]string{"start s1"}},
		{"init container is not run again", always, with(exited("i", 1), running("s"), running("a"), running("b")), Input{Started: started}, nil},
		{"app container ended well, Always", always, with(exited("i", 0), running("s"), exited("a", 0), running("b")),
			Input{Started: started}, []string{"start a1"}},
		{"app container ended well, OnFailure", onFailure, with(exited("i", 0), running("s"), exited("a", 0), running("b")),
			Input{Started: started}, nil},
		{"app container failed, OnFailure", onFailure, with(exited("i", 0), running("s"), exited("a", 3), running("b")),
			Input{Started: started}, []string{"start a1"}},
		{"app container failed, Never", never, with(exited("i", 0), running("s"), exited("a", 3), running("b")),
			Input{Started: started}, nil},
		{"all ended, Never: the sidecar does not keep the pod", never, with(exited("i", 0), running("s"), exited("a", 3), exited("b", 0)),
			Input{Started: started}, []string{"finished"}},
		{"crash loop", always, with(exited("i", 0), running("s"), exited("a", 1), running("b")),
			Input{Started: started, BackOff: crashing, Now: t0.Add(9 * time.Second)},
			[]string{"a waits: back-off 10s restarting failed container=a pod=p_ns(u)"}},
		{"crash loop, time over", always, with(exited("i", 0), running("s"), exited("a", 1), running("b")),
			Input{Started: started, BackOff: crashing, Now: t0.Add(10 * time.Second)}, []string{"start a1"}},
		{"liveness probe failed", always, with(exited("i", 0), running("s"), running("a"), running("b")),
			Input{Started: started, Unhealthy: map[string]Fault{"a0": {Probe: "liveness"}}},
			[]string{"kill a0: Container a failed liveness probe, will be restarted"}},
		{"liveness probe failed, Never", never, with(exited("i", 0), running("s"), running("a"), running("b")),
			Input{Started: started, Unhealthy: map[string]Fault{"a0": {Probe: "liveness"}}},
			[]string{"kill a0: Container a failed liveness probe"}},
		{"created, never started", always, with(exited("i", 0), running("s"), instance("a", 2, runtime.StateCreated, 0), running("b")),
			Input{Started: started}, []string{"remove a2", "start a2"}},
		{"node lost power, Always", always, dead(exited("i", 0), exited("s", 255), exited("a", 255), exited("b", 255)), Input{},
			[]string{"replace sandbox", "create sandbox 1"}},
		{"new sandbox: from the first init container on", always,
			with(old(exited("i", 0)), old(exited("s", 255)), old(exited("a", 255)), old(exited("b", 255))), Input{}, []string{"start i1"}},
		{"node lost power, Never", never, dead(exited("i", 0), exited("s", 255), exited("a", 255), exited("b", 255)), Input{},
			[]string{"finished"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in
			in.Pod, in.State = pod(c.policy), c.state
			if in.Now.IsZero() {
				in.Now = t0.Add(time.Second)
			}
			if diff := cmp.Diff(c.want, summary(Decide(in))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRestartsAreCountedOverTheLossOfTheNodesState(t *testing.T) {
	p := pod(v1.RestartPolicyAlways)
	p.Spec.InitContainers = nil
	p.Status.ContainerStatuses = []v1.ContainerStatus{
		{Name: "a", RestartCount: 4, ContainerID: "containerd://gone", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}},
		{Name: "b", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{}}},
	}
	got := summary(Decide(Input{Pod: p, State: with(), Now: t0}))
	if diff := cmp.Diff([]string{"start a5", "start b0"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	p.Spec.Containers = p.Spec.Containers[:1]
	if got := summary(Decide(Input{Pod: p, State: &runtime.Pod{}, Now: t0})); !cmp.Equal(got, []string{"finished"}) {
		t.Errorf("a lost container of a pod that never restarts: got %v, want finished", got)
	}
}

func TestPruneKeepsThePreviousInstance(t *testing.T) {
	p := pod(v1.RestartPolicyAlways)
	p.Spec.InitContainers, p.Spec.Containers = nil, p.Spec.Containers[:1]
	state := with(instance("a", 3, runtime.StateRunning, 0), instance("a", 2, runtime.StateExited, 1), instance("a", 1, runtime.StateExited, 1))
	got := Decide(Input{Pod: p, State: state, Now: t0})
	if diff := cmp.Diff([]string{"remove a1"}, summary(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
