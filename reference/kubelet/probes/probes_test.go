package probes

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	utilexec "k8s.io/utils/exec"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func TestItTakesANumberOfEqualAnswersToChangeTheVerdict(t *testing.T) {
	p := &v1.Probe{SuccessThreshold: 2, FailureThreshold: 3}
	var c count
	var got string
	for _, answer := range "fffsfsssff" {
		ok, reached := c.answer(p, answer == 's')
		switch {
		case !reached:
			got += "."
		case ok:
			got += "S"
		default:
			got += "F"
		}
	}
	if want := "..F...SS.."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// container answers commands as it is told, and counts them.
type container struct {
	mu    sync.Mutex
	ok    bool
	asked int
}

func (c *container) ExecSync(context.Context, string, []string, time.Duration) ([]byte, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.ok {
		return nil, nil, nil
	}
	return nil, nil, utilexec.CodeExitError{Err: errors.New("failed"), Code: 1}
}

func (c *container) set(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ok = ok
}

func probe(period, failures int32) *v1.Probe {
	return &v1.Probe{ProbeHandler: v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"x"}}},
		PeriodSeconds: period, FailureThreshold: failures, SuccessThreshold: 1, TimeoutSeconds: 1}
}

// begin probes one running container of which spec tells the probes.
func begin(ctx context.Context, spec v1.Container, c *container) *Prober {
	spec.Name = "c"
	pod := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{spec}}}
	p := New(c, record.NewFakeRecorder(1000), func() {})
	p.Sync(ctx, pod, &runtime.Pod{Containers: []runtime.Container{{ID: "1", Name: "c", State: runtime.StateRunning, StartedAt: time.Now()}}}, "")
	return p
}

func TestAContainerThatComesUpDoesNotLoseAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &container{}
		p := begin(t.Context(), v1.Container{ReadinessProbe: probe(10, 3)}, c)
		defer p.Stop()
		time.Sleep(300 * time.Millisecond)
		c.set(true)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, ready, _ := p.Verdicts(); !ready["1"] {
			t.Error("not ready one second after it could answer")
		}
	})
}

func TestAContainerThatTakesItsTimeIsAskedBetweenTheTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &container{}
		p := begin(t.Context(), v1.Container{ReadinessProbe: probe(60, 3)}, c)
		defer p.Stop()
		time.Sleep(6 * time.Second)
		c.set(true)
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if _, ready, _ := p.Verdicts(); !ready["1"] {
			t.Error("not ready, long before the second tick")
		}
		before := c.asked
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if c.asked-before != 10 {
			t.Errorf("asked %d times in ten minutes, every minute", c.asked-before)
		}
	})
}

func TestTheFirstFailureOfAStartupProbeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := begin(t.Context(), v1.Container{StartupProbe: probe(60, 1)}, &container{})
		defer p.Stop()
		time.Sleep(500 * time.Millisecond)
		if _, _, faults := p.Verdicts(); len(faults) != 0 {
			t.Errorf("while the container comes up: %v", faults)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, _, faults := p.Verdicts(); faults["1"].Probe != "startup" {
			t.Errorf("after its first failure, with a threshold of 1: %v", faults)
		}
	})
}

func TestReadinessFallsAfterItsThresholdAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &container{ok: true}
		p := begin(t.Context(), v1.Container{ReadinessProbe: probe(1, 3)}, c)
		defer p.Stop()
		ready := func(want bool, when string) {
			synctest.Wait()
			if _, got, _ := p.Verdicts(); got["1"] != want {
				t.Errorf("%s: ready is %v, want %v", when, got["1"], want)
			}
		}
		time.Sleep(500 * time.Millisecond)
		ready(true, "at first")
		c.set(false)
		time.Sleep(2 * time.Second)
		ready(true, "after two failures")
		time.Sleep(time.Second)
		ready(false, "after three failures")
		c.set(true)
		time.Sleep(time.Second)
		ready(true, "after one success")
	})
}

func TestLivenessFailsAfterItsThresholdAndNotWhileThePodEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := begin(t.Context(), v1.Container{LivenessProbe: probe(1, 2)}, &container{})
		defer p.Stop()
		time.Sleep(500 * time.Millisecond)
		if _, _, faults := p.Verdicts(); len(faults) != 0 {
			t.Errorf("after one failure of two: %v", faults)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, _, faults := p.Verdicts(); faults["1"].Probe != "liveness" {
			t.Errorf("after two failures: got %v", faults)
		}
		p.Ending()
		if _, _, faults := p.Verdicts(); len(faults) != 0 {
			t.Errorf("while the pod ends: %v", faults)
		}
	})
}

func TestStartupHoldsTheOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &container{}
		p := begin(t.Context(), v1.Container{StartupProbe: probe(1, 5), LivenessProbe: probe(1, 1)}, c)
		defer p.Stop()
		time.Sleep(3500 * time.Millisecond)
		started, _, faults := p.Verdicts()
		if started["1"] || len(faults) != 0 {
			t.Errorf("before its threshold: started %v, faults %v", started, faults)
		}
		c.set(true)
		time.Sleep(time.Second)
		synctest.Wait()
		if started, _, _ := p.Verdicts(); !started["1"] {
			t.Error("not started though the probe passed")
		}
		c.set(false)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if _, _, faults := p.Verdicts(); faults["1"].Probe != "liveness" {
			t.Errorf("the liveness probe takes over: got %v", faults)
		}
	})
}

func TestAStartupProbeThatNeverPassesKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := begin(t.Context(), v1.Container{StartupProbe: probe(1, 2)}, &container{})
		defer p.Stop()
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if _, _, faults := p.Verdicts(); faults["1"].Probe != "startup" {
			t.Errorf("got %v", faults)
		}
	})
}

func TestAnAgentThatComesBackBelievesItsLastWordAndDoesNotAskAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		spec := v1.Container{Name: "c", ReadinessProbe: probe(10, 3)}
		was := v1.ContainerStatus{Name: "c", ContainerID: "containerd://1", Ready: true, State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}
		pod := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{spec}}, Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{was}}}
		c := &container{}
		var all []*Prober
		for range n {
			p := New(c, record.NewFakeRecorder(1000), func() {})
			defer p.Stop()
			p.Sync(t.Context(), pod, &runtime.Pod{Containers: []runtime.Container{{ID: "1", Name: "c", State: runtime.StateRunning, StartedAt: time.Now().Add(-time.Hour)}}}, "")
			if _, ready, _ := p.Verdicts(); !ready["1"] {
				t.Fatal("a container that was ready is not, before it was asked")
			}
			all = append(all, p)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if c.asked < n/5 || c.asked > n*4/5 {
			t.Errorf("after half a period %d of %d were asked; want about half", c.asked, n)
		}
		time.Sleep(35 * time.Second)
		synctest.Wait()
		for _, p := range all {
			if _, ready, _ := p.Verdicts(); ready["1"] {
				t.Fatal("ready although four probes failed")
			}
		}
	})
}

func TestARestartedContainerIsCountedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &container{}
		spec := v1.Container{LivenessProbe: probe(1, 3)}
		p := begin(t.Context(), spec, c)
		defer p.Stop()
		time.Sleep(1500 * time.Millisecond) // two failures
		spec.Name = "c"
		pod := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{spec}}}
		p.Sync(t.Context(), pod, &runtime.Pod{Containers: []runtime.Container{{ID: "2", Name: "c", State: runtime.StateRunning, StartedAt: time.Now()}}}, "")
		time.Sleep(1500 * time.Millisecond) // and two more, of another instance
		synctest.Wait()
		if _, _, faults := p.Verdicts(); len(faults) != 0 {
			t.Errorf("failures of the instance before count: %v", faults)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, _, faults := p.Verdicts(); faults["2"].Probe != "liveness" {
			t.Errorf("after three failures of its own: %v", faults)
		}
	})
}
