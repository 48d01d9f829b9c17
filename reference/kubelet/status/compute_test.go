package status

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func pod(policy v1.RestartPolicy, containers ...string) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Generation: 2}, Spec: v1.PodSpec{RestartPolicy: policy}}
	for _, name := range containers {
		c := v1.Container{Name: name[strings.Index(name, ":")+1:]}
		switch {
		case strings.HasPrefix(name, "i:"):
			p.Spec.InitContainers = append(p.Spec.InitContainers, c)
		case strings.HasPrefix(name, "s:"):
			c.RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
			p.Spec.InitContainers = append(p.Spec.InitContainers, c)
		default:
			p.Spec.Containers = append(p.Spec.Containers, c)
		}
	}
	return p
}

// state reads words such as "a=running" or "a=1" (exited with 1) as instances in a ready sandbox.
func state(words ...string) *runtime.Pod {
	p := &runtime.Pod{Sandboxes: []runtime.Sandbox{{ID: "S", Ready: true, IPs: []string{"10.0.0.1"}}}}
	for _, w := range words {
		name, what, _ := strings.Cut(w, "=")
		c := runtime.Container{ID: name, Name: name, SandboxID: "S", State: runtime.StateRunning, StartedAt: t0}
		if what != "running" {
			c.State, c.FinishedAt = runtime.StateExited, t0
			fmt.Sscan(what, &c.ExitCode)
		}
		p.Containers = append(p.Containers, c)
	}
	return p
}

func all(p *runtime.Pod) map[string]bool {
	m := map[string]bool{}
	for _, c := range p.Containers {
		m[c.ID] = true
	}
	return m
}

// summary is a status in words: its phase, the conditions that are not true, the containers.
func summary(s v1.PodStatus) string {
	out := []string{string(s.Phase)}
	for _, c := range s.Conditions {
		if c.Status != v1.ConditionTrue {
			out = append(out, fmt.Sprintf("%s:%s", c.Type, c.Reason))
		}
	}
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for _, c := range list {
			switch {
			case c.State.Running != nil:
				out = append(out, fmt.Sprintf("%s running ready=%v", c.Name, c.Ready))
			case c.State.Terminated != nil:
				out = append(out, fmt.Sprintf("%s %s", c.Name, c.State.Terminated.Reason))
			case c.State.Waiting != nil:
				out = append(out, fmt.Sprintf("%s waits %s", c.Name, c.State.Waiting.Reason))
			}
		}
	}
	return strings.Join(out, ", ")
}

func TestCompute(t *testing.T) {
	always, never := v1.RestartPolicyAlways, v1.RestartPolicyNever
	crash := map[string]v1.ContainerStateWaiting{"a": {Reason: "CrashLoopBackOff"}}
	for _, c := range []struct {
		name  string
		pod   *v1.Pod
		state *runtime.Pod
		in    Input
		want  string
	}{
		{"new", pod(always, "a"), &runtime.Pod{}, Input{},
			"Pending, PodReadyToStartContainers:, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, a waits ContainerCreating"},
		{"running", pod(always, "a"), state("a=running"), Input{}, "Running, a running ready=true"},
		{"running, not ready", pod(always, "a"), state("a=running"), Input{Ready: map[string]bool{}},
			"Running, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, a running ready=false"},
		{"init container runs", pod(always, "i:x", "a"), state("x=running"), Input{},
			"Pending, Initialized:ContainersNotInitialized, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, x running ready=false, a waits PodInitializing"},
		{"init container failed", pod(always, "i:x", "a"), state("x=1"), Input{},
			"Pending, Initialized:ContainersNotInitialized, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, x Error, a waits PodInitializing"},
		{"init container failed for good", pod(never, "i:x", "a"), state("x=1"), Input{Ended: true},
			"Failed, Initialized:ContainersNotInitialized, Ready:PodFailed, ContainersReady:PodFailed, x Error, a waits PodInitializing"},
		{"sidecar and app run", pod(always, "s:x", "a"), state("x=running", "a=running"), Input{},
			"Running, x running ready=true, a running ready=true"},
		{"crash loop", pod(always, "a"), state("a=1"), Input{Waiting: crash},
			"Running, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, a waits CrashLoopBackOff"},
		{"all ended, but not everything is stopped yet", pod(never, "s:x", "a"), state("x=running", "a=0"), Input{},
			"Running, Ready:ContainersNotReady, ContainersReady:ContainersNotReady, x running ready=true, a Completed"},
		{"succeeded", pod(never, "s:x", "a"), state("x=137", "a=0"), Input{Ended: true},
			"Succeeded, Ready:PodCompleted, ContainersReady:PodCompleted, x Error, a Completed"},
		{"failed", pod(never, "a", "b"), state("a=0", "b=2"), Input{Ended: true},
			"Failed, Ready:PodFailed, ContainersReady:PodFailed, a Completed, b Error"},
		{"deleted while it ran", pod(always, "a"), state("a=143"), Input{Ended: true},
			"Failed, Ready:PodFailed, ContainersReady:PodFailed, a Error"},
		{"deleted before it ran", pod(always, "a"), &runtime.Pod{}, Input{Ended: true},
			"Failed, PodReadyToStartContainers:, Ready:PodFailed, ContainersReady:PodFailed, a ContainerStatusUnknown"},
		{"rejected", pod(always, "a"), &runtime.Pod{}, Input{Ended: true, Verdict: &Verdict{Reason: "OutOfcpu", Rejected: true}}, "Failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in
			in.Pod, in.State, in.Now, in.Started = c.pod, c.state, t0, all(c.state)
			if in.Ready == nil {
				in.Ready = in.Started
			}
			if got := summary(Compute(in)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Between the making of a container and its start there are milliseconds, and a write for them would be one in four.
func TestAFirstInstanceThatIsAboutToStartChangesNothing(t *testing.T) {
	in := Input{Pod: pod(v1.RestartPolicyAlways, "a"), State: state(), Now: t0}
	before := Compute(in)
	in.State = state("a=running")
	in.State.Containers[0].State = runtime.StateCreated
	if diff := cmp.Diff(before, Compute(in)); diff != "" {
		t.Errorf("the first: -before +after:\n%s", diff)
	}
	in.State.Containers[0].Attempt = 1
	if got := Compute(in).ContainerStatuses[0].RestartCount; got != 1 {
		t.Errorf("the second: restart count %d", got)
	}
}

func TestTransitionTimesChangeWithTheStatusOnly(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	in := Input{Pod: p, State: state("a=running"), Now: t0, TakenOn: t0, Started: map[string]bool{"a": true}}
	first := Compute(in)
	in.Pod, in.Now = Adopt(p, &first), t0.Add(time.Hour)
	in.Ready = map[string]bool{"a": true}
	second := Compute(in)
	for i, c := range second.Conditions {
		changed := c.Status != first.Conditions[i].Status
		if moved := !c.LastTransitionTime.Equal(&first.Conditions[i].LastTransitionTime); moved != changed {
			t.Errorf("%s: status changed: %v, time changed: %v", c.Type, changed, moved)
		}
	}
	if !second.StartTime.Equal(first.StartTime) {
		t.Errorf("start time moved from %v to %v", first.StartTime, second.StartTime)
	}
}

func TestReadinessGates(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	p.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.org/ok"}}
	yes := map[string]bool{"a": true}
	in := Input{Pod: p, State: state("a=running"), Now: t0, Started: yes, Ready: yes}
	s := Compute(in)
	if got := summary(s); got != "Running, Ready:ReadinessGatesNotReady, a running ready=true" {
		t.Errorf("gate without condition: got %s", got)
	}
	p.Status.Conditions = []v1.PodCondition{{Type: "example.org/ok", Status: v1.ConditionTrue}}
	if got := summary(Compute(in)); got != "Running, a running ready=true" {
		t.Errorf("gate open: got %s", got)
	}
}

func TestAFinalPhaseStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pod(rapid.SampledFrom([]v1.RestartPolicy{"Always", "Never", "OnFailure"}).Draw(t, "policy"), "i:x", "s:y", "a")
		p.Status.Phase = rapid.SampledFrom([]v1.PodPhase{v1.PodSucceeded, v1.PodFailed}).Draw(t, "phase")
		var words []string
		for _, name := range []string{"x", "y", "a"} {
			if what := rapid.SampledFrom([]string{"", "running", "0", "1"}).Draw(t, name); what != "" {
				words = append(words, name+"="+what)
			}
		}
		s := Compute(Input{Pod: p, State: state(words...), Now: t0, Ended: rapid.Bool().Draw(t, "ended")})
		if s.Phase != p.Status.Phase {
			t.Fatalf("phase went from %s to %s", p.Status.Phase, s.Phase)
		}
		if adopted := Adopt(p, &v1.PodStatus{Phase: v1.PodRunning}); adopted.Status.Phase != p.Status.Phase {
			t.Fatalf("another's final phase %s became %s", p.Status.Phase, adopted.Status.Phase)
		}
	})
}

func TestQOS(t *testing.T) {
	if got := QOS(pod("Always", "a")); got != v1.PodQOSBestEffort {
		t.Errorf("got %s", got)
	}
}

func TestAPatchLeavesOthersConditions(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	p.Status.Conditions = []v1.PodCondition{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue}, {Type: "theirs", Status: v1.ConditionFalse}}
	wanted := v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}},
		PodIPs: []v1.PodIP{{IP: "10.0.0.1"}}}
	patch, err := Patch(p, wanted)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(p)
	after, err := strategicpatch.StrategicMergePatch(before, patch, v1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	var got v1.Pod
	if err := json.Unmarshal(after, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Status.Conditions) != 3 || got.Status.Phase != v1.PodRunning || got.UID != "u" {
		t.Errorf("got %+v", got.Status)
	}
	if again, err := Patch(&got, wanted); err != nil || again != nil {
		t.Errorf("a second patch changes nothing, got %s, %v", again, err)
	}
}

func TestQOSOfThePodAsAWhole(t *testing.T) {
	list := func(amount string) v1.ResourceList {
		return v1.ResourceList{v1.ResourceCPU: resource.MustParse(amount), v1.ResourceMemory: resource.MustParse(amount)}
	}
	pod := func(whole *v1.ResourceRequirements, each v1.ResourceRequirements) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Resources: whole, Containers: []v1.Container{{Resources: each}, {}}}}
	}
	for want, p := range map[v1.PodQOSClass]*v1.Pod{
		v1.PodQOSGuaranteed: pod(&v1.ResourceRequirements{Requests: list("2"), Limits: list("2")}, v1.ResourceRequirements{Requests: list("1")}),
		v1.PodQOSBurstable:  pod(&v1.ResourceRequirements{Requests: list("1"), Limits: list("2")}, v1.ResourceRequirements{}),
		v1.PodQOSBestEffort: pod(nil, v1.ResourceRequirements{}),
	} {
		if got := QOS(p); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
