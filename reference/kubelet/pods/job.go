package pods

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// job is work of a worker that takes time.
type job struct {
	cancel context.CancelFunc
	done   chan outcome
	// stopping: the job stops the pod, with that grace period in seconds.
	stopping bool
	grace    int64
}

// outcome is what the worker learns from a job.
type outcome struct {
	backoff map[string]plan.BackOff
	holds   map[string]hold
	started []string
	mounted bool
	// pulling is how long images took.
	pulling time.Duration
	// tried: containers were to be given other resources; resized is why that failed.
	tried   bool
	resized error
	// refused is why the pod cannot have its devices.
	refused *status.Verdict
}

// begin starts a job.
func (w *worker) begin(ctx context.Context, work func(context.Context, *tasks)) {
	ctx, cancel := context.WithCancel(ctx)
	j := &job{cancel: cancel, done: make(chan outcome, 1)}
	t := &tasks{
		m: w.m, pod: status.Adopt(w.pod, w.said), state: w.state, hook: w.hook, backoff: w.backoff,
		outcome: outcome{backoff: map[string]plan.BackOff{}, holds: map[string]hold{}},
	}
	w.job = j
	kind, began := w.kind(), time.Now()
	go func() {
		defer cancel()
		work(ctx, t)
		metrics.Synced(kind, time.Since(began))
		j.done <- t.outcome
	}()
}

// kind is what the next job is counted as.
func (w *worker) kind() string {
	switch {
	case w.stage != active:
		return "kill"
	case w.state.Sandbox() == nil:
		return "create"
	default:
		return "sync"
	}
}

// abandon has the job give up and waits until it has: two must never be at work on one pod.
func (j *job) abandon() outcome {
	if j == nil {
		return outcome{}
	}
	j.cancel()
	return <-j.done
}

// tasks is what a job works with: the pod and its state as they were when it began.
type tasks struct {
	m       *Manager
	pod     *v1.Pod
	state   *runtime.Pod
	backoff map[string]plan.BackOff
	hook    func(id string, running bool)

	mu      sync.Mutex
	outcome outcome
}

// hold keeps the worker from trying again before its time; an empty name stands for the pod.
func (t *tasks) hold(name string, h hold) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcome.holds[name] = h
}

// steps returns the job that carries out the plan.
func (w *worker) steps(p plan.Plan) func(context.Context, *tasks) {
	return func(ctx context.Context, t *tasks) {
		if p.ReplaceSandbox || p.CreateSandbox {
			t.sandbox(ctx, p)
			return
		}
		t.killAll(ctx, p.Kill)
		t.discard(ctx, p)
		if r := p.Restarted; r != nil && ctx.Err() == nil {
			t.earn(r)
		}
		if len(p.Start) > 0 {
			t.startAll(ctx, p.Start)
		}
	}
}

// hook notes whether a postStart hook of the instance is running.
func (w *worker) hook(id string, running bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if running {
		w.hooked[id] = true
	} else {
		delete(w.hooked, id)
	}
}

// source is where values of variables and files come from.
func (t *tasks) source() env.Source {
	s := env.Source{
		Pod: t.pod, HostIPs: t.m.HostIPs, PodIPs: t.ips(), Objects: t.m.objects, Services: t.m.Services(),
		Dir: func(volume string) string { return t.m.volumes.EmptyDir(t.pod.UID, volume) },
	}
	if node := t.m.Node(); node != nil {
		s.Allocatable = node.Status.Allocatable
	}
	return s
}

func (t *tasks) ips() []string {
	if t.pod.Spec.HostNetwork {
		return t.m.HostIPs
	}
	if s := t.state.Sandbox(); s != nil {
		return s.IPs
	}
	return nil
}

func (t *tasks) sandboxConfig(attempt uint32) *criv1.PodSandboxConfig {
	c := t.m.Spec.Sandbox(t.pod, t.qos(), attempt)
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[runtime.AllocationAnnotation] = resize.Of(t.pod).String()
	if first, ok := t.m.Users.Of(t.pod.UID); ok {
		spec.MapSandbox(c, first)
	}
	return c
}

func (t *tasks) qos() v1.PodQOSClass { return qos(t.pod) }
