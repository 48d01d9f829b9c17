package pods

import (
	"context"
	"maps"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// advance moves the pod through its stages and begins the job that the stage asks for. It
// returns when to look again although nothing happened.
func (w *worker) advance(ctx context.Context, gone bool, now time.Time) time.Time {
	next := w.refreshAt
	if w.stage == active {
		w.admit(ctx)
		if at := w.judge(now); !at.IsZero() && at.Before(next) {
			next = at
		}
		if gone || w.pod.DeletionTimestamp != nil || w.verdict != nil || status.Final(w.pod.Status.Phase) {
			w.end()
		}
	}
	if w.stage == active && !w.waits {
		if at := w.pursue(ctx, now); !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if w.stage == ending {
		w.stop(ctx, gone)
		if until := w.holds[""].until; now.Before(until) {
			next = until
		}
	}
	if w.stage == ended {
		if until := w.holds[""].until; now.Before(until) {
			return until
		}
		w.clean(ctx, now)
		next = now.Add(retryRead)
	}
	if w.stage == released {
		next = now.Add(refreshEvery)
		if !w.still() {
			// The runtime finished something that it had been told to give up.
			w.stage = ending
			w.stop(ctx, gone)
		} else if gone {
			w.remove(ctx, now)
			next = now.Add(retryRead)
		} else if w.pod.DeletionTimestamp != nil {
			w.m.Statuses.Release(w.pod)
		}
	}
	return next
}

// judge ends pods that have lived too long, and returns when that will be.
func (w *worker) judge(now time.Time) time.Time {
	started := w.pod.Status.StartTime
	if w.said != nil {
		started = w.said.StartTime
	}
	if started == nil {
		return time.Time{}
	}
	at, limited := plan.Deadline(w.pod, started.Time)
	if limited && !now.Before(at) {
		w.verdict = &status.Verdict{Reason: "DeadlineExceeded", Message: "Pod was active on the node longer than the specified deadline"}
		w.m.Recorder.Event(events.Pod(w.pod), v1.EventTypeNormal, "DeadlineExceeded", w.verdict.Message)
	}
	return at
}

// end has everything stopped.
func (w *worker) end() {
	w.stage, w.waits = ending, false
	w.prober.Ending()
	w.waiting = nil
	clear(w.holds)
}

// pursue begins the next steps of an active pod.
func (w *worker) pursue(ctx context.Context, now time.Time) time.Time {
	if w.job != nil {
		return time.Time{}
	}
	started, _, faults := w.prober.Verdicts()
	kills, state := w.restarted()
	p := plan.Decide(plan.Input{
		Pod: status.Adopt(w.pod, w.said), State: state, Now: now,
		Unhealthy: faults, Started: started, BackOff: w.backoff,
	})
	if p.Finished {
		w.end()
		return time.Time{}
	}
	p.Kill = append(p.Kill, kills...)
	w.waiting = p.Waiting
	w.complain()
	next := w.withhold(&p, now)
	if !p.Next.IsZero() && (next.IsZero() || p.Next.Before(next)) {
		next = p.Next
	}
	change := w.resize(now)
	if until := w.holds[resizeHold].until; now.Before(until) && (next.IsZero() || until.Before(next)) {
		next = until
	}
	switch {
	case !idle(p):
		w.begin(ctx, w.steps(p))
	case change != nil:
		w.begin(ctx, change)
	case (w.refresh || !now.Before(w.refreshAt)) && w.state.Sandbox() != nil:
		w.begin(ctx, func(ctx context.Context, j *tasks) { j.mount(ctx) })
	}
	return next
}

// complain records once for each ended instance that its container is held back.
func (w *worker) complain() {
	for name := range w.waiting {
		c := w.state.Latest(name)
		if c == nil || w.complained[c.ID] {
			continue
		}
		w.complained[c.ID] = true
		w.m.Recorder.Eventf(events.Container(w.pod, name), v1.EventTypeWarning, "BackOff",
			"Back-off restarting failed container %s in pod %s", name, plan.PodName(w.pod))
	}
}

// withhold takes out of the plan what failed a moment ago, and returns when it is due.
func (w *worker) withhold(p *plan.Plan, now time.Time) time.Time {
	var next time.Time
	later := func(name string) bool {
		h, ok := w.holds[name]
		if !ok || !now.Before(h.until) {
			return false
		}
		if next.IsZero() || h.until.Before(next) {
			next = h.until
		}
		return true
	}
	if later("") {
		// The pod as a whole is held back: its sandbox or its volumes failed.
		p.CreateSandbox, p.Start = false, nil
		return next
	}
	starts := p.Start[:0]
	for _, s := range p.Start {
		if !later(s.Container.Name) {
			starts = append(starts, s)
		}
	}
	p.Start = starts
	return next
}

func idle(p plan.Plan) bool {
	return len(p.Kill)+len(p.Remove)+len(p.RemoveSandboxes)+len(p.Start) == 0 && !p.ReplaceSandbox && !p.CreateSandbox
}

// stop has the containers and the sandbox stopped, and goes on when they are. A shorter grace
// period than the one that is running takes effect at once.
func (w *worker) stop(ctx context.Context, gone bool) {
	// A static pod whose file was removed ends like one that was deleted, not like one deleted by force.
	grace := Grace(w.pod, gone && !static.Is(w.pod))
	if w.cap != nil {
		grace = max(min(grace, *w.cap), 1)
	}
	if w.job != nil {
		if w.job.stopping && grace >= w.job.grace {
			return
		}
		w.absorb(w.job.abandon())
		// What the abandoned job did last shows in the runtime only now.
		w.tell(func(b *box) { b.changed = true })
		return
	}
	if w.still() {
		w.stage = ended
		return
	}
	if time.Now().Before(w.holds[""].until) {
		return
	}
	w.begin(ctx, func(ctx context.Context, j *tasks) { j.stop(ctx, grace) })
	w.job.stopping, w.job.grace = true, grace
}

// still tells whether nothing of the pod runs.
func (w *worker) still() bool {
	for i := range w.state.Sandboxes {
		if w.state.Sandboxes[i].Ready {
			return false
		}
	}
	return len(w.state.Running()) == 0
}

// clean gives back what the pod held of the node. It reports first: that the pod ended does
// not wait for the clean-up.
func (w *worker) clean(ctx context.Context, now time.Time) {
	w.prober.Stop()
	w.m.leave(w.pod.UID)
	w.report(now)
	err := w.m.volumes.Remove(ctx, w.pod.UID)
	if path, ok := w.m.Cgroups.Pods()[w.pod.UID]; ok && err == nil {
		err = w.m.Cgroups.Remove(path)
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "Cannot clean up after the pod, will retry")
		w.holds[""] = hold{until: now.Add(time.Second)}
		return
	}
	w.stage = released
}

// remove removes the last of a pod that the API server does not have any more.
func (w *worker) remove(ctx context.Context, now time.Time) {
	if until := w.holds[""].until; now.Before(until) {
		return
	}
	if err := w.erase(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot remove the pod's dead containers, will retry")
		w.holds[""] = hold{until: now.Add(time.Second)}
		return
	}
	w.stage = removed
}

func changedMeta(a, b *v1.Pod) bool {
	return !maps.Equal(a.Labels, b.Labels) || !maps.Equal(a.Annotations, b.Annotations)
}
