package pods

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/probes"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

const (
	// refreshEvery is how often volumes are brought up to date although nothing was heard;
	// tokens grow old.
	refreshEvery = time.Minute
	// retryRead is the pause after the runtime did not answer.
	retryRead = 250 * time.Millisecond
)

// stage is where a pod is on this node. It only goes forward.
type stage int

const (
	// active: containers are to run.
	active stage = iota
	// ending: containers are to stop.
	ending
	// ended: none runs any more, none will.
	ended
	// released: nothing of the pod's is on the node but dead containers and their logs.
	released
	// removed: nothing at all.
	removed
)

// worker runs one pod. All of its state belongs to the goroutine of run; others leave word in
// the box. What takes time happens in a job, one at a time, while run goes on reporting.
type worker struct {
	m    *Manager
	wake chan struct{}

	mu  sync.Mutex
	box box
	// hooked are the instances whose postStart hook has not ended: to others they do not run yet.
	hooked map[string]bool
	// shown is said, for others to read.
	shown *v1.PodStatus
	// rested: the pod has ended and given back all but its dead containers.
	rested bool

	// asked is the pod as the API server has it, pod with the resources that are allocated to it.
	asked, pod *v1.Pod
	resizing   resizing
	admitted   bool
	// waits: the pod is critical, and others end to make room for it. Until then nothing is said or done of it.
	waits   bool
	stage   stage
	takenOn time.Time
	// state is what the runtime said of the pod; stale, that it may say something else by now.
	state   *runtime.Pod
	stale   bool
	said    *v1.PodStatus
	verdict *status.Verdict
	// cap bounds the grace period, in seconds; nil does not.
	cap      *int64
	backoff  map[string]plan.BackOff
	waiting  map[string]v1.ContainerStateWaiting
	holds    map[string]hold
	messages map[string]string
	prober   *probes.Prober
	job      *job
	// pulling is how long the pod's images took; measured: its start was counted, or was none of this agent's.
	pulling  time.Duration
	measured bool
	// refresh: the content of volumes may have to change.
	refresh   bool
	refreshAt time.Time
	// complained remembers for which instances the event BackOff was recorded.
	complained map[string]bool
}

// box is what others have left for the worker.
type box struct {
	pod     *v1.Pod
	gone    bool
	objects bool
	// changed: something of the pod changed in the runtime.
	changed bool
	// verdict ends the pod, and grace bounds its grace period, nil for its own.
	verdict *status.Verdict
	grace   *int64
}

// hold keeps the worker from trying something again before its time.
type hold struct {
	waiting v1.ContainerStateWaiting
	until   time.Time
}

func newWorker(m *Manager, pod *v1.Pod) *worker {
	w := &worker{
		m: m, asked: pod, pod: pod, box: box{pod: pod}, wake: make(chan struct{}, 1), takenOn: time.Now(), stale: true,
		hooked: map[string]bool{}, backoff: map[string]plan.BackOff{}, holds: map[string]hold{},
		messages: map[string]string{}, complained: map[string]bool{},
		measured: pod.Status.Phase != "" && pod.Status.Phase != v1.PodPending,
	}
	w.prober = probes.New(m.Runtime, m.Recorder, func() { w.tell(func(*box) {}) })
	w.refreshAt = jitter(w.takenOn)
	return w
}

func jitter(t time.Time) time.Time {
	return t.Add(refreshEvery + rand.N(refreshEvery/2))
}

// tell leaves word and wakes the worker.
func (w *worker) tell(change func(*box)) {
	w.mu.Lock()
	change(&w.box)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) published() *v1.PodStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown
}

func (w *worker) current() *v1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.box.pod
}

// run steps whenever something happened or is due, until the pod is removed or ctx ends.
func (w *worker) run(ctx context.Context) {
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithValues("pod", klog.KObj(w.pod), "uid", w.pod.UID))
	defer w.prober.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for w.stage != removed {
		timer.Reset(w.step(ctx))
		var done <-chan outcome
		if w.job != nil {
			done = w.job.done
		}
		select {
		case <-ctx.Done():
			w.job.abandon()
			return
		case <-w.wake:
		case <-timer.C:
			w.stale = true
		case o := <-done:
			w.stale = true
			w.absorb(o)
		}
	}
}

// step looks once, begins what is to be done, reports, and returns when to look again at the latest.
func (w *worker) step(ctx context.Context) time.Duration {
	gone := w.read()
	if w.stale {
		state, err := w.m.Runtime.Pod(ctx, w.pod.UID)
		if err != nil {
			if ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("The runtime does not tell of the pod", "err", err)
			}
			return retryRead
		}
		w.see(state)
		w.stale = false
	}
	w.pod = w.settle(time.Now())
	w.prober.Sync(ctx, w.pod, w.state, w.address())
	now := time.Now()
	next := w.advance(ctx, gone, now)
	if w.stage < released && !w.waits {
		w.report(now)
	}
	w.mu.Lock()
	w.rested = w.stage >= released
	w.mu.Unlock()
	return max(time.Until(next), time.Millisecond)
}

// read empties the box.
func (w *worker) read() (gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.box.pod != w.asked {
		w.refresh = w.refresh || changedMeta(w.asked, w.box.pod)
		w.asked, w.pod = w.box.pod, w.resizing.of(w.box.pod)
	}
	if w.box.changed {
		w.box.changed, w.stale = false, true
	}
	if w.box.objects {
		w.box.objects, w.refresh = false, true
		// What could not start for want of an object may start now.
		clear(w.holds)
	}
	if w.box.verdict != nil {
		w.cap = w.box.grace
		if w.stage == active && w.verdict == nil && !status.Final(w.pod.Status.Phase) {
			// It is the pod's no more to say whether it fits.
			w.verdict, w.admitted = w.box.verdict, true
		}
	}
	return w.box.gone
}

func (w *worker) absorb(o outcome) {
	w.job = nil
	w.pulling += o.pulling
	for name, b := range o.backoff {
		w.backoff[name] = b
	}
	for name, h := range o.holds {
		w.holds[name] = h
	}
	for _, name := range o.started {
		delete(w.holds, name)
	}
	w.refused(o.refused)
	if o.tried {
		w.resized(o.resized, time.Now())
	}
	if o.mounted {
		w.refresh, w.refreshAt = false, jitter(time.Now())
	}
}

// report tells the API server how the pod is. What was said of a pod that ended before this
// agent started is not said again: its files are gone.
func (w *worker) report(now time.Time) {
	if w.said == nil && w.stage >= ended && status.Final(w.pod.Status.Phase) {
		return
	}
	started, ready, _ := w.prober.Verdicts()
	waiting := map[string]v1.ContainerStateWaiting{}
	for name, h := range w.holds {
		if h.waiting.Reason != "" {
			waiting[name] = h.waiting
		}
	}
	maps.Copy(waiting, w.waiting)
	s := status.Compute(status.Input{
		Pod: status.Adopt(w.pod, w.said), State: w.state, Now: now, Ready: ready, Started: started, Waiting: waiting,
		HostIPs: w.m.HostIPs, TakenOn: w.takenOn, Ended: w.stage >= ended, Verdict: w.verdict, Resize: w.progress(),
		Devices: w.deviceHealth,
	})
	w.said = &s
	w.measure(&s, now)
	w.mu.Lock()
	w.shown = &s
	w.mu.Unlock()
	switch {
	case static.Is(w.pod):
		w.m.Mirrors.Set(w.pod, s)
	case w.pod.Spec.NodeName != "":
		w.m.Statuses.Set(w.pod, s)
	}
}

// measure counts how long the pod took to start, once.
func (w *worker) measure(s *v1.PodStatus, now time.Time) {
	if w.measured || s.Phase != v1.PodRunning || len(s.ContainerStatuses) == 0 {
		return
	}
	for i := range s.ContainerStatuses {
		if s.ContainerStatuses[i].State.Running == nil {
			return
		}
	}
	w.measured = true
	metrics.PodRuns(w.pod.CreationTimestamp.Time, w.takenOn, now, w.pulling, len(w.pod.Spec.InitContainers) > 0)
}
