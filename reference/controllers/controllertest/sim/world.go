package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// Who writes, besides the controllers, which are known by their names.
const (
	User    = "user"
	Node    = "node"
	Garbage = "garbage"
)

// Namespace is where everything is, unless a scenario says otherwise.
const Namespace = "default"

const (
	// quiet is for how long nothing must happen before a world is at rest: longer
	// than any back-off, and than the longest progress deadline by default.
	quiet = 11 * time.Minute
	// idle is how long a world at rest is watched.
	idle = time.Hour
	// patience is within what time a world must come to rest.
	patience = 3 * time.Hour
)

// Runner is a controller.
type Runner interface {
	Run(ctx context.Context, workers int)
}

// New makes a controller. It is called again after each crash.
type New func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) Runner

// Controller makes a New of the usual constructor of a controller.
func Controller[R Runner](build func(kubernetes.Interface, informers.SharedInformerFactory, record.EventRecorder) R) New {
	return func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) Runner {
		return build(client, shared, events)
	}
}

// Invariant says what is wrong with the world after a write, or with the write
// itself.
type Invariant func(w *World, write Write) error

// World is the simulated cluster while a scenario is played.
type World struct {
	// Client is that of a user: it has good weather always.
	Client kubernetes.Interface

	scenario Scenario
	seed     uint64
	ctx      context.Context
	start    time.Time
	store    *store
	weather  *weather
	gates    map[string]*gate
	nodes    *nodes
	streams  sync.WaitGroup
	running  map[string]*process

	mu         sync.Mutex
	history    []row
	failure    error
	calm       bool
	unanswered map[string]int
}

// process is a controller that runs.
type process struct {
	stop context.CancelFunc
	done chan struct{}
}

// play runs the scenario in a bubble of its own time. What act returns, or the
// first thing that was wrong on the way, is the result.
func play(t *testing.T, scenario Scenario, seed uint64, act func(w *World) error) (w *World, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), klog.Logger{}))
		w = &World{
			scenario: scenario, seed: seed, ctx: ctx, start: time.Now(),
			weather: &weather{seed: seed, asked: map[string]int{}}, gates: map[string]*gate{}, running: map[string]*process{},
			unanswered: map[string]int{},
		}
		w.store = newStore(seed, w.wrote)
		w.nodes = newNodes(w)
		w.Client = kubernetes.NewForConfigOrDie(w.config(User))
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
			for _, name := range w.controllers() {
				w.stop(name)
			}
			cancel()
			w.nodes.running.Wait()
			w.streams.Wait()
			if w.failure != nil {
				err = w.failure
			}
		}()
		err = w.open(act)
	})
	return w, err
}

func (w *World) open(act func(w *World) error) error {
	w.nodes.join(w.scenario.nodes())
	for _, obj := range w.scenario.Objects {
		w.Create(obj.DeepCopyObject().(Object))
	}
	if w.scenario.Garbage {
		w.nodes.running.Go(w.collect)
	}
	for _, name := range w.controllers() {
		w.begin(name)
	}
	return act(w)
}

// controllers are the names of the controllers, sorted.
func (w *World) controllers() []string { return sortedKeys(w.scenario.Controllers) }

// begin starts a controller with a client and informers of its own.
func (w *World) begin(name string) {
	ctx, cancel := context.WithCancel(w.ctx)
	client := kubernetes.NewForConfigOrDie(w.config(name))
	shared := informers.NewSharedInformerFactory(client, 0)
	runner := w.scenario.Controllers[name](client, shared, &recorder{w, name})
	p := &process{stop: cancel, done: make(chan struct{})}
	w.running[name] = p
	go func() {
		defer close(p.done)
		shared.StartWithContext(ctx)
		runner.Run(ctx, 3)
		shared.Shutdown()
	}()
}

func (w *World) stop(name string) {
	if p := w.running[name]; p != nil {
		p.stop()
		<-p.done
		delete(w.running, name)
	}
}

// Crash stops the controller in the middle of what it does, and starts a new
// one that knows nothing of it.
func (w *World) Crash(name string) {
	w.note("", "crash", name)
	w.stop(name)
	w.begin(name)
}

// Sleep lets time pass.
func (w *World) Sleep(d time.Duration) { time.Sleep(d) }

// Wait returns when nothing moves any more without the passing of time.
func (w *World) Wait() { synctest.Wait() }

// SetWeather changes the weather. It is good at first.
func (w *World) SetWeather(now Weather) {
	w.note("", "weather", fmt.Sprintf("%+v", now))
	w.weather.set(now)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.wake()
}

// Hold keeps events from passing the gate for a time. A gate is named by the
// controller and the resource, as in "deployment:pods".
func (w *World) Hold(gate string, d time.Duration) {
	w.note("", "hold", fmt.Sprintf("%s for %s", gate, d))
	g := w.gate(gate)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	g.heldTo = time.Now().Add(d)
}

// Break ends the watches behind the gate. If they are to expire they cannot go on
// from where they were, so that the informer lists anew.
func (w *World) Break(gate string, expire bool) {
	w.note("", "break", fmt.Sprintf("%s, expired: %t", gate, expire))
	g := w.gate(gate)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if expire {
		g.oldest = w.store.version
	}
	close(g.broken)
	g.broken = make(chan struct{})
}

// Gates are the names of all gates that have been used.
func (w *World) Gates() []string {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return sortedKeys(w.gates)
}

// Settle makes everything well: the weather is good, gates are open, nodes are
// back, pods fare well. It returns when the world has come to rest.
func (w *World) Settle() error {
	w.note("", "settle", "")
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	for _, name := range w.controllers() {
		if w.running[name] == nil {
			w.begin(name)
		}
	}
	for _, node := range w.nodes.names() {
		w.NodeBack(node)
	}
	w.store.mu.Lock()
	for _, g := range w.gates {
		g.heldTo = time.Time{}
	}
	w.store.mu.Unlock()
	w.SetWeather(Weather{})
	for since := w.start.Add(time.Since(w.start)); time.Since(since) < patience; {
		before := len(w.unrest())
		time.Sleep(quiet)
		if err := w.Err(); err != nil {
			return err
		}
		if len(w.unrest()) == before {
			return nil
		}
	}
	return fmt.Errorf("the world does not come to rest in %s", patience)
}

// MustBeIdle lets an hour pass, in which no controller may write anything.
func (w *World) MustBeIdle() error {
	before := w.unrest()
	time.Sleep(idle)
	if err := w.Err(); err != nil {
		return err
	}
	if after := w.unrest(); len(after) > len(before) {
		return fmt.Errorf("%d writes although all is done, the first: %s", len(after)-len(before), after[len(before)].line(w.start))
	}
	return nil
}

// Unanswered is how many writes of the controller were applied without its being
// told, because the answer was lost or it had crashed.
func (w *World) Unanswered(controller string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unanswered[controller]
}

// Calm says whether everything is to be well: the world settles.
func (w *World) Calm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// Err is the first thing that was found wrong.
func (w *World) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// wrote looks at every write; the store's lock is held.
func (w *World) wrote(write Write) {
	w.record(row{Write: write})
	if pod := write.After; pod != nil && write.Before == nil && write.Kind == "Pod" {
		w.nodes.take(pod.GetUID(), write.Key)
	}
	for _, name := range sortedKeys(w.scenario.Invariants) {
		if err := w.scenario.Invariants[name](w, write); err != nil {
			w.fail(fmt.Errorf("%s: %w", name, err))
		}
	}
}

// fail keeps the first thing that was wrong.
func (w *World) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil {
		w.failure = err
		w.history = append(w.history, row{Write: Write{At: time.Now()}, text: "WRONG: " + err.Error()})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
