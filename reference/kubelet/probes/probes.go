package probes

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/kubelet/handlers"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Prober runs the probes of one pod's containers.
type Prober struct {
	exec     handlers.Exec
	recorder record.EventRecorder
	// changed is called when a verdict changes.
	changed func()

	mu        sync.Mutex
	instances map[string]*instance
	// ending: the pod is being terminated, and only its readiness still matters.
	ending bool
}

// instance is a running container and what its probes say.
type instance struct {
	stop    context.CancelFunc
	restart context.CancelFunc
	started bool
	ready   bool
	fault   *plan.Fault
}

// New returns a Prober that calls changed after each change of a verdict.
func New(exec handlers.Exec, recorder record.EventRecorder, changed func()) *Prober {
	return &Prober{exec: exec, recorder: recorder, changed: changed, instances: map[string]*instance{}}
}

// Sync begins to probe containers that started to run and ends it for those that do not any
// more. What the pod's status says of an instance is believed at first, so that a restart of
// the agent does not make ready containers unready.
func (p *Prober) Sync(ctx context.Context, pod *v1.Pod, state *runtime.Pod, ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	running := map[string]bool{}
	for _, c := range state.Running() {
		running[c.ID] = true
		if p.instances[c.ID] != nil {
			continue
		}
		if spec := specOf(pod, c.Name); spec != nil {
			p.start(ctx, pod, spec, c, ip)
		}
	}
	for id, i := range p.instances {
		if !running[id] {
			i.stop()
			delete(p.instances, id)
		}
	}
}

// Ending stops the probes that could have a container restarted.
func (p *Prober) Ending() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = true
	for _, i := range p.instances {
		i.restart()
	}
}

// Stop ends all probes.
func (p *Prober) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		i.stop()
	}
	clear(p.instances)
}

// Verdicts returns by instance which have started, which are ready, and which must be killed.
func (p *Prober) Verdicts() (started, ready map[string]bool, faults map[string]plan.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	started, ready, faults = map[string]bool{}, map[string]bool{}, map[string]plan.Fault{}
	for id, i := range p.instances {
		started[id], ready[id] = i.started, i.ready
		if i.fault != nil && !p.ending {
			faults[id] = *i.fault
		}
	}
	return started, ready, faults
}

func (p *Prober) start(ctx context.Context, pod *v1.Pod, spec *v1.Container, c *runtime.Container, ip string) {
	all, stop := context.WithCancel(ctx)
	killing, restart := context.WithCancel(all)
	i := &instance{stop: stop, restart: restart, started: spec.StartupProbe == nil, ready: spec.ReadinessProbe == nil}
	old := lastWord(pod, c)
	if old != nil {
		i.started = i.started || (old.Started != nil && *old.Started)
		i.ready = i.ready || old.Ready
	}
	p.instances[c.ID] = i
	if p.ending {
		restart()
	}
	r := &run{Prober: p, pod: pod, spec: spec, started: c.StartedAt, instance: i, resumed: old != nil && old.Ready,
		target: handlers.Target{Container: spec, ID: c.ID, IP: ip}}
	go func() {
		if !i.started && !r.startup(killing) {
			return
		}
		if spec.ReadinessProbe != nil {
			go r.readiness(all)
		}
		if spec.LivenessProbe != nil {
			r.liveness(killing)
		}
	}()
}

// lastWord is what the API server has of exactly this instance, nil if nothing.
func lastWord(pod *v1.Pod, c *runtime.Container) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].ContainerID == "containerd://"+c.ID && list[i].State.Running != nil {
				return &list[i]
			}
		}
	}
	return nil
}

func specOf(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// check asks once. An answer that could not be had is no answer.
func check(ctx context.Context, e handlers.Exec, t handlers.Target, p *v1.Probe) (handlers.Result, error) {
	timeout := time.Duration(max(p.TimeoutSeconds, 1)) * time.Second
	switch {
	case p.Exec != nil:
		return handlers.Command(ctx, e, t, p.Exec.Command, timeout)
	case p.HTTPGet != nil:
		return handlers.HTTP(ctx, t, p.HTTPGet, timeout)
	case p.TCPSocket != nil:
		return handlers.TCP(ctx, t, p.TCPSocket, timeout)
	case p.GRPC != nil:
		return handlers.GRPC(ctx, t, p.GRPC, timeout)
	default:
		return handlers.Result{}, fmt.Errorf("missing probe handler for %s", t.Container.Name)
	}
}
