package sim

import (
	"fmt"
	"io"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
	"pgregory.net/rapid"
)

// Scenario is a world to be played in.
type Scenario struct {
	// Controllers run, each with a client and informers of its own, so that they
	// may be out of date against each other.
	Controllers map[string]New
	// Objects are there at first, with the status they have.
	Objects []Object
	// Nodes is how many nodes there are: 3 if zero, none if negative. Without
	// nodes nothing happens to pods.
	Nodes int
	// Pods says how pods fare. By default they take some seconds for each stage,
	// one in twenty fails, and one in twenty never becomes ready; but all fare well
	// once the world settles, and a function given here must see to that too
	// ([World.Calm]).
	Pods func(w *World, pod *corev1.Pod) Fate
	// Garbage has objects deleted whose owners are gone, and the policies
	// Foreground and Orphan carried out.
	Garbage bool
	// Actions are what users do, besides what happens in every world.
	Actions map[string]Action
	// Invariants hold at every instant: they are checked after every write.
	Invariants map[string]Invariant
	// Settled is checked when the world has come to rest.
	Settled func(w *World) error
	// Steady are writes that controllers go on making when all is done, such as
	// those of a CronJob. nil means none.
	Steady func(Write) bool
	// Longest is how many steps a script may have; 25 if zero.
	Longest int
}

func (s Scenario) nodes() int {
	if s.Nodes == 0 {
		return 3
	}
	return max(0, s.Nodes)
}

// Act is something done in the world.
type Act func(w *World)

// Action draws the particulars of an act. It is called before there is a world.
type Action func(t *rapid.T) Act

// step is an act, and the time to the next.
type step struct {
	name string
	do   Act
	then time.Duration
}

// Check plays many scripts, drawn from the scenario's actions and from what
// happens in every world: bad weather, late and broken watches, crashes, pods that
// fail, nodes that are lost. Each is played until it ends; then everything is well
// again, the world must come to rest in the state that Settled wants, and then no
// controller may write anything more.
func Check(t *testing.T, scenario func(t *rapid.T) Scenario) {
	t.Helper()
	quieten()
	rapid.Check(t, func(rt *rapid.T) {
		s := scenario(rt)
		script := drawScript(rt, s)
		seed := rapid.Uint64().Draw(rt, "seed")
		w, err := play(t, s, seed, func(w *World) error {
			for _, step := range script {
				w.note("", "—", step.name)
				step.do(w)
				if step.then > 0 {
					w.Sleep(step.then)
				}
				if err := w.Err(); err != nil {
					return err
				}
			}
			return w.rest()
		})
		if err != nil {
			rt.Logf("what happened:\n%s", w.History())
			rt.Fatalf("%v", err)
		}
	})
}

// Run plays one scenario: what act does, in good weather.
func Run(t *testing.T, scenario Scenario, act func(w *World) error) {
	t.Helper()
	quieten()
	w, err := play(t, scenario, 1, act)
	if err != nil {
		t.Fatalf("%v\nwhat happened:\n%s", err, w.History())
	}
}

// rest is the end of every script.
func (w *World) rest() error {
	if err := w.Settle(); err != nil {
		return err
	}
	if w.scenario.Settled != nil {
		if err := w.scenario.Settled(w); err != nil {
			return fmt.Errorf("at rest: %w", err)
		}
	}
	return w.MustBeIdle()
}

// quieten keeps the machinery's log, which is full of the faults we make, out of
// the tests' output. Its handlers of errors also sleep, to slow loops down, and that
// with a lock held stops the time of a bubble for good: to wait for a lock is not to
// wait for time.
func quieten() {
	utilruntime.ErrorHandlers = nil
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
}
