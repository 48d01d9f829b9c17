package plan

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// TestWhateverTheState drives pods of random policies through random exits, carrying out each
// plan as a perfect runtime would, and checks what must hold in every step.
func TestWhateverTheState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pod(rapid.SampledFrom([]v1.RestartPolicy{v1.RestartPolicyAlways, v1.RestartPolicyOnFailure, v1.RestartPolicyNever}).Draw(t, "policy"))
		w := &world{state: &runtime.Pod{}, now: t0, started: map[string]bool{}, backoff: map[string]BackOff{}}
		for range 60 {
			plan := Decide(Input{Pod: p, State: w.state, Now: w.now, Started: w.started, BackOff: w.backoff})
			check(t, p, w, plan)
			if plan.Finished {
				return
			}
			w.carryOut(plan)
			w.chance(t)
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
		}
	})
}

// world is a runtime that does all it is told at once.
type world struct {
	state   *runtime.Pod
	now     time.Time
	started map[string]bool
	backoff map[string]BackOff
	made    int
}

func (w *world) carryOut(p Plan) {
	if p.CreateSandbox {
		w.crash(func(runtime.Container) bool { return true })
		for i := range w.state.Sandboxes {
			w.state.Sandboxes[i].Ready = false
		}
		s := runtime.Sandbox{ID: fmt.Sprint("S", p.SandboxAttempt), Attempt: p.SandboxAttempt, Ready: true, IPs: []string{"10.0.0.1"}}
		w.state.Sandboxes = append([]runtime.Sandbox{s}, w.state.Sandboxes...)
	}
	for _, id := range p.Remove {
		for i := range w.state.Containers {
			if w.state.Containers[i].ID == id {
				w.state.Containers = append(w.state.Containers[:i:i], w.state.Containers[i+1:]...)
				break
			}
		}
	}
	for _, s := range p.Start {
		w.made++
		c := runtime.Container{ID: fmt.Sprint("c", w.made), Name: s.Container.Name, Attempt: s.Attempt, State: runtime.StateRunning,
			SandboxID: w.state.Sandbox().ID, Hash: runtime.Hash(s.Container)}
		if !s.After.IsZero() {
			w.backoff[c.Name] = w.backoff[c.Name].Restarted(s.After, w.now, c.Hash, MaxDelay)
		}
		w.started[c.ID] = true
		w.state.Containers = append([]runtime.Container{c}, w.state.Containers...)
	}
}

// crash ends the running instances for which it is true.
func (w *world) crash(which func(runtime.Container) bool) {
	for i := range w.state.Containers {
		if c := &w.state.Containers[i]; c.State == runtime.StateRunning && which(*c) {
			c.State, c.ExitCode, c.FinishedAt = runtime.StateExited, 137, w.now
		}
	}
}

// chance has something end or the sandbox break.
func (w *world) chance(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "power") == 0 {
		w.crash(func(runtime.Container) bool { return true })
		if s := w.state.Sandbox(); s != nil {
			s.Ready = false
		}
	}
	for i := range w.state.Containers {
		c := &w.state.Containers[i]
		if c.State == runtime.StateRunning && rapid.Bool().Draw(t, "ends") {
			c.State, c.FinishedAt = runtime.StateExited, w.now
			c.ExitCode = rapid.SampledFrom([]int32{0, 1}).Draw(t, "code")
		}
	}
}

func check(t *rapid.T, p *v1.Pod, w *world, plan Plan) {
	seen := map[string]bool{}
	for _, s := range plan.Start {
		name := s.Container.Name
		if seen[name] {
			t.Fatalf("%s is started twice in one plan", name)
		}
		seen[name] = true
		latest := w.state.Latest(name)
		if latest == nil {
			continue
		}
		if latest.State == runtime.StateRunning {
			t.Fatalf("%s is started while it runs", name)
		}
		if s.Attempt != latest.Attempt+1 {
			t.Fatalf("%s: restart %d follows %d", name, s.Attempt, latest.Attempt)
		}
		if w.now.Before(latest.FinishedAt) {
			t.Fatalf("%s is started before its last instance ended", name)
		}
	}
	if len(plan.Start) > 0 && !seen["i"] && !seen["s"] {
		for _, name := range []string{"i", "s"} {
			if c := w.state.Latest(name); c == nil || c.SandboxID != w.state.Sandbox().ID {
				t.Fatalf("app containers start before init container %s ran in this sandbox", name)
			}
		}
	}
	if plan.Finished && p.Spec.RestartPolicy == v1.RestartPolicyAlways {
		t.Fatal("a pod that always restarts is never finished")
	}
	if plan.Finished && (len(plan.Start) > 0 || plan.CreateSandbox) {
		t.Fatal("a finished pod gets nothing new")
	}
}
