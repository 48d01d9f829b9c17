package pods

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/handlers"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// stop stops every container, the sidecars after the others and in reverse order, then the
// sandbox. It returns false if it did not get to the end.
func (t *tasks) stop(ctx context.Context, grace int64) bool {
	running := t.state.Running()
	turns := newTurns(t.pod, running)
	var group sync.WaitGroup
	for _, c := range running {
		group.Go(func() {
			defer turns.done(c.ID)
			t.kill(ctx, plan.Kill{ID: c.ID, Name: c.Name, Message: "Stopping container " + c.Name}, grace, turns)
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return false
	}
	stopped := true
	for _, s := range t.state.Sandboxes {
		if !s.Ready {
			continue
		}
		if err := t.m.Runtime.StopPodSandbox(context.WithoutCancel(ctx), s.ID); err != nil && !runtime.IsNotFound(err) {
			t.m.Recorder.Eventf(events.Pod(t.pod), v1.EventTypeWarning, "FailedKillPod", "error killing pod: %v", err)
			t.hold("", hold{until: time.Now().Add(retryPod)})
			stopped = false
		}
	}
	return stopped
}

// killAll stops instances of a pod that goes on.
func (t *tasks) killAll(ctx context.Context, kills []plan.Kill) {
	var group sync.WaitGroup
	for _, k := range kills {
		grace := Grace(t.pod, false)
		if own := probeGrace(t.spec(k.Name), k.Probe); own != nil {
			grace = max(*own, 1)
		}
		group.Go(func() { t.kill(ctx, k, grace, nil) })
	}
	group.Wait()
}

// probeGrace is the grace period that a probe brings along, nil if none.
func probeGrace(c *v1.Container, probe string) *int64 {
	switch {
	case c == nil:
	case probe == "liveness" && c.LivenessProbe != nil:
		return c.LivenessProbe.TerminationGracePeriodSeconds
	case probe == "startup" && c.StartupProbe != nil:
		return c.StartupProbe.TerminationGracePeriodSeconds
	}
	return nil
}

// kill runs the preStop hook, waits for the container's turn and stops it: SIGTERM, and
// SIGKILL after what is left of the grace period, which is at least smallGrace.
func (t *tasks) kill(ctx context.Context, k plan.Kill, grace int64, turns *turns) {
	began := time.Now()
	t.m.Recorder.Event(events.Container(t.pod, k.Name), v1.EventTypeNormal, "Killing", k.Message)
	left := func() int64 { return grace - int64(time.Since(began).Seconds()) }
	if c := t.spec(k.Name); c != nil && !k.AtOnce && c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		t.preStop(ctx, c, k.ID, time.Duration(grace)*time.Second)
	}
	turns.wait(ctx, k.ID, time.Duration(left())*time.Second)
	if ctx.Err() != nil {
		return
	}
	seconds := max(left(), smallGrace)
	if k.AtOnce {
		seconds = 0
	}
	err := t.m.Runtime.StopContainer(ctx, k.ID, seconds)
	if err != nil && !runtime.IsNotFound(err) && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Cannot stop the container", "container", k.Name)
		t.hold("", hold{until: time.Now().Add(retryPod)})
	}
}

func (t *tasks) preStop(ctx context.Context, c *v1.Container, id string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	target := handlers.Target{Container: c, ID: id, IP: first(t.ips())}
	if err := handlers.Hook(ctx, t.m.Runtime, target, c.Lifecycle.PreStop); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Info("preStop hook failed", "container", c.Name, "err", err)
		t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
	}
}

func (t *tasks) spec(name string) *v1.Container {
	for _, list := range [][]v1.Container{t.pod.Spec.Containers, t.pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range t.pod.Spec.EphemeralContainers {
		if e := &t.pod.Spec.EphemeralContainers[i]; e.Name == name {
			return plan.Ephemeral(e)
		}
	}
	return nil
}
