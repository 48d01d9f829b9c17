package probes

import (
	"context"
	"math/rand/v2"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/handlers"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
)

// run is the probing of one instance.
type run struct {
	*Prober
	pod      *v1.Pod
	spec     *v1.Container
	target   handlers.Target
	started  time.Time
	instance *instance
	// resumed: another agent has asked before, and found the container well.
	resumed bool
}

// startup probes until the container has started; false if it never does.
func (r *run) startup(ctx context.Context) bool {
	var passed bool
	r.loop(ctx, r.spec.StartupProbe, "Startup", func(ok bool) bool {
		passed = ok
		if ok {
			r.set(func(i *instance) { i.started = true })
		} else {
			r.set(func(i *instance) { i.fault = &plan.Fault{Probe: "startup"} })
		}
		return false
	})
	return passed
}

func (r *run) readiness(ctx context.Context) {
	r.loop(ctx, r.spec.ReadinessProbe, "Readiness", func(ok bool) bool {
		r.set(func(i *instance) { i.ready = ok })
		return true
	})
}

func (r *run) liveness(ctx context.Context) {
	r.loop(ctx, r.spec.LivenessProbe, "Liveness", func(ok bool) bool {
		if !ok {
			r.set(func(i *instance) { i.fault = &plan.Fault{Probe: "liveness"} })
		}
		return ok
	})
}

// eager is how soon a container that has not answered well yet is asked again, at first, and patience how long its
// failures do not count.
const (
	eager    = 50 * time.Millisecond
	patience = time.Second
)

// loop asks when the initial delay is over, then every period, and hands over each verdict until it returns false or
// ctx ends.
//
// A container that is still coming up when it is first asked would lose a whole period by that (10 s by default). So
// startup and readiness probes ask in between too, in the first period; what they find then counts only if it is good.
// (docs: tasks/configure-pod-container/configure-liveness-readiness-startup-probes, periodSeconds.)
func (r *run) loop(ctx context.Context, p *v1.Probe, kind string, verdict func(ok bool) bool) {
	period := time.Duration(max(p.PeriodSeconds, 1)) * time.Second
	first := r.started.Add(time.Duration(p.InitialDelaySeconds) * time.Second)
	now := time.Now()
	if first.Before(now) {
		first = now
		if r.resumed {
			// An agent that comes back would ask all containers of the node at once, and so again every period.
			first = now.Add(rand.N(period))
		}
	}
	timer := time.NewTimer(first.Sub(now))
	defer timer.Stop()
	regular, between, pause := first, time.Time{}, eager
	if kind != "Liveness" && !r.resumed {
		regular, between = first.Add(min(period, patience)), first.Add(period)
	}
	var c count
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		asked := time.Now()
		result, err := check(ctx, r.exec, r.target, p)
		if ctx.Err() != nil {
			return
		}
		good, extra := err == nil && result.OK, asked.Before(regular)
		if good {
			between = time.Time{}
		}
		if good || !extra {
			metrics.Probes.Add(metrics.Probe{UID: r.pod.UID, Namespace: r.pod.Namespace, Pod: r.pod.Name, Container: r.spec.Name, Kind: kind},
				answer(result, err), time.Since(asked))
			r.tell(kind, result, err)
			regular = asked.Add(period)
		}
		next := regular
		if asked.Before(between) {
			next, pause = asked.Add(pause), 2*pause
			if next.After(regular) {
				next = regular
			}
		}
		timer.Reset(max(time.Until(next), 0))
		if err != nil || (extra && !good) {
			continue
		}
		if ok, reached := c.answer(p, good); reached && !verdict(ok) {
			return
		}
	}
}

func answer(result handlers.Result, err error) metrics.Answer {
	switch {
	case err != nil:
		return metrics.Unknown
	case result.OK:
		return metrics.Successful
	default:
		return metrics.Failed
	}
}

// tell records what users should know of an answer.
func (r *run) tell(kind string, result handlers.Result, err error) {
	switch {
	case err != nil:
		r.warn("Unhealthy", "%s probe errored and resulted in unknown state: %v", kind, err)
	case !result.OK:
		r.warn("Unhealthy", "%s probe failed: %s", kind, result.Message)
	case result.Warning:
		r.warn("ProbeWarning", "%s probe warning: %s", kind, result.Message)
	}
}

func (r *run) warn(reason, format string, args ...any) {
	r.recorder.Eventf(events.Container(r.pod, r.spec.Name), v1.EventTypeWarning, reason, format, args...)
}

// set changes the instance's verdicts and tells if that made a difference.
func (r *run) set(change func(*instance)) {
	r.mu.Lock()
	before := *r.instance
	change(r.instance)
	different := before.started != r.instance.started || before.ready != r.instance.ready || before.fault != r.instance.fault
	r.mu.Unlock()
	if different {
		r.changed()
	}
}
