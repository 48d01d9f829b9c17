package simulation

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

var origin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	always    = corev1.RestartPolicyAlways
	onFailure = corev1.RestartPolicyOnFailure
	noRestart = corev1.RestartPolicyNever
)

// forever is a behavior of a server: it runs until it is stopped.
func forever() Behavior { return Behavior{RunFor: Delay{Never: true}} }

func TestLife(t *testing.T) {
	main := []container{{name: "main", image: "i"}}
	type moment struct {
		at       time.Duration
		phase    corev1.PodPhase
		ready    bool
		restarts int32
		backOff  time.Duration
		next     time.Duration // from the origin; -1 for never
	}
	for name, c := range map[string]struct {
		spec     spec
		behavior Behavior
		stop     time.Duration // asked for then, if not zero
		grace    time.Duration
		moments  []moment
	}{
		"a server is ready at once": {spec{restart: always, main: main}, forever(), 0, 0, []moment{
			{0, corev1.PodRunning, true, 0, 0, -1}, {time.Hour, corev1.PodRunning, true, 0, 0, -1}}},
		"a server takes its time": {spec{restart: always, main: main},
			Behavior{StartAfter: Fixed(2 * time.Second), ReadyAfter: Fixed(3 * time.Second), RunFor: Delay{Never: true}}, 0, 0, []moment{
				{0, corev1.PodPending, false, 0, 0, 2 * time.Second}, {2 * time.Second, corev1.PodRunning, false, 0, 0, 5 * time.Second},
				{5 * time.Second, corev1.PodRunning, true, 0, 0, -1}}},
		"one never starts": {spec{restart: always, main: main}, Behavior{StartAfter: Delay{Never: true}}, 0, 0, []moment{
			{time.Hour, corev1.PodPending, false, 0, 0, -1}}},
		"one is never ready": {spec{restart: always, main: main}, Behavior{ReadyAfter: Delay{Never: true}, RunFor: Delay{Never: true}}, 0, 0, []moment{
			{time.Hour, corev1.PodRunning, false, 0, 0, -1}}},
		"init containers run one after the other": {spec{restart: always, init: []container{{name: "a"}, {name: "s", sidecar: true}, {name: "b"}}, main: main},
			Behavior{InitFor: Fixed(time.Second), RunFor: Delay{Never: true}}, 0, 0, []moment{
				{0, corev1.PodPending, false, 0, 0, time.Second}, {time.Second, corev1.PodPending, false, 0, 0, 2 * time.Second},
				{2 * time.Second, corev1.PodRunning, true, 0, 0, -1}}},
		"a job's pod succeeds": {spec{restart: noRestart, main: main}, Behavior{RunFor: Fixed(time.Second)}, 0, 0, []moment{
			{0, corev1.PodRunning, true, 0, 0, time.Second}, {time.Second, corev1.PodSucceeded, false, 0, 0, -1}}},
		"a job's pod fails": {spec{restart: noRestart, main: main}, Behavior{RunFor: Fixed(time.Second), ExitCode: 3}, 0, 0, []moment{
			{time.Second, corev1.PodFailed, false, 0, 0, -1}}},
		"a failed run is repeated": {spec{restart: onFailure, main: main}, Behavior{RunFor: Fixed(time.Second), ExitCode: 3}, 0, 0, []moment{
			{time.Second, corev1.PodRunning, true, 1, 0, 2 * time.Second},
			{2 * time.Second, corev1.PodRunning, false, 1, 10 * time.Second, 12 * time.Second},
			{12 * time.Second, corev1.PodRunning, true, 2, 0, 13 * time.Second},
			{13 * time.Second, corev1.PodRunning, false, 2, 20 * time.Second, 33 * time.Second}}},
		"a successful run is not": {spec{restart: onFailure, main: main}, Behavior{RunFor: Fixed(time.Second)}, 0, 0, []moment{
			{time.Second, corev1.PodSucceeded, false, 0, 0, -1}}},
		"but of a server it is": {spec{restart: always, main: main}, Behavior{RunFor: Fixed(time.Second)}, 0, 0, []moment{
			{time.Second, corev1.PodRunning, true, 1, 0, 2 * time.Second}, {2 * time.Second, corev1.PodRunning, false, 1, 10 * time.Second, 12 * time.Second}}},
		"a long run forgets earlier crashes": {spec{restart: always, main: main}, Behavior{RunFor: Fixed(11 * time.Minute), ExitCode: 1}, 0, 0, []moment{
			{23 * time.Minute, corev1.PodRunning, true, 2, 0, 33 * time.Minute}}},
		"it ends before it is ready": {spec{restart: noRestart, main: main}, Behavior{ReadyAfter: Fixed(time.Minute), RunFor: Fixed(time.Second)}, 0, 0, []moment{
			{0, corev1.PodRunning, false, 0, 0, time.Second}, {time.Second, corev1.PodSucceeded, false, 0, 0, -1}}},
		"a deadline": {spec{restart: always, main: main, deadline: time.Minute}, forever(), 0, 0, []moment{
			{0, corev1.PodRunning, true, 0, 0, time.Minute}, {time.Minute, corev1.PodFailed, false, 0, 0, -1}}},
		"a deadline that comes after the end": {spec{restart: noRestart, main: main, deadline: time.Minute}, Behavior{RunFor: Fixed(time.Second)}, 0, 0, []moment{
			{time.Hour, corev1.PodSucceeded, false, 0, 0, -1}}},
		"deletion": {spec{restart: always, main: main}, forever(), time.Minute, 30 * time.Second, []moment{
			{time.Second, corev1.PodRunning, true, 0, 0, time.Minute}, {time.Minute, corev1.PodSucceeded, false, 0, 0, -1}}},
		"deletion that takes time": {spec{restart: always, main: main}, Behavior{StopAfter: Fixed(5 * time.Second), RunFor: Delay{Never: true}}, time.Minute, 30 * time.Second, []moment{
			{time.Minute, corev1.PodRunning, true, 0, 0, 65 * time.Second}, {65 * time.Second, corev1.PodSucceeded, false, 0, 0, -1}}},
		"deletion that takes longer than the grace": {spec{restart: always, main: main}, Behavior{StopAfter: Delay{Never: true}, RunFor: Delay{Never: true}}, time.Minute, 30 * time.Second, []moment{
			{time.Minute, corev1.PodRunning, true, 0, 0, 90 * time.Second}, {90 * time.Second, corev1.PodFailed, false, 0, 0, -1}}},
		"deletion before the start": {spec{restart: always, main: main}, Behavior{StartAfter: Delay{Never: true}}, time.Minute, 0, []moment{
			{time.Second, corev1.PodPending, false, 0, 0, time.Minute}, {time.Minute, corev1.PodFailed, false, 0, 0, -1}}},
		"deletion while it backs off": {spec{restart: always, main: main}, Behavior{RunFor: Fixed(0), ExitCode: 1}, time.Second, 0, []moment{
			{0, corev1.PodRunning, false, 1, 10 * time.Second, time.Second}, {time.Second, corev1.PodFailed, false, 1, 0, -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &life{uid: "u", spec: &c.spec, behavior: &c.behavior, origin: origin}
			if c.stop > 0 {
				l.stop, l.grace = origin.Add(c.stop), c.grace
			}
			for _, m := range c.moments {
				got := l.at(origin.Add(m.at))
				next := time.Duration(-1)
				if !got.next.IsZero() {
					next = got.next.Sub(origin)
				}
				if have := (moment{m.at, got.phase, got.ready, got.restarts, got.backOff, next}); have != m {
					t.Errorf("at %v:\n got %+v\nwant %+v", m.at, have, m)
				}
			}
		})
	}
}

func drawDelay(t *rapid.T, name string) Delay {
	if rapid.IntRange(0, 5).Draw(t, name+" never") == 0 {
		return Delay{Never: true}
	}
	from := rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, name)
	return Delay{Min: time.Duration(from), Max: time.Duration(from + rapid.Int64Range(0, int64(time.Minute)).Draw(t, name+" more"))}
}

// Whatever a pod is like: nothing changes before the time that it says, that time lies ahead, restarts
// are never undone, and what is over stays over.
func TestALifeGoesForward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spec{restart: rapid.SampledFrom([]corev1.RestartPolicy{always, onFailure, noRestart}).Draw(t, "policy"), main: []container{{name: "main"}}}
		for range rapid.IntRange(0, 3).Draw(t, "init") {
			s.init = append(s.init, container{name: "i", sidecar: rapid.Bool().Draw(t, "sidecar")})
		}
		if rapid.Bool().Draw(t, "limited") {
			s.deadline = time.Duration(rapid.IntRange(1, 300).Draw(t, "deadline")) * time.Second
		}
		l := &life{seed: rapid.Uint64().Draw(t, "seed"), uid: "u", spec: &s, origin: origin, behavior: &Behavior{
			StartAfter: drawDelay(t, "start"), InitFor: drawDelay(t, "init"), ReadyAfter: drawDelay(t, "ready"), RunFor: drawDelay(t, "run"),
			StopAfter: drawDelay(t, "stop"), ExitCode: rapid.Int32Range(0, 2).Draw(t, "code"), FailShare: rapid.Float64Range(0, 1).Draw(t, "fail"),
		}}
		if rapid.Bool().Draw(t, "deleted") {
			l.stop, l.grace = origin.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "asked"))), 30*time.Second
		}
		now := origin
		last := l.at(now)
		for range 30 {
			if last.next.IsZero() {
				if later := l.at(now.Add(24 * time.Hour)); later.shape(true, 1) != last.shape(true, 1) {
					t.Fatalf("nothing was to change after %v, but then it is\n%+v\nin place of\n%+v", now.Sub(origin), later, last)
				}
				return
			}
			if !last.next.After(now) {
				t.Fatalf("at %v the next change was at %v", now.Sub(origin), last.next.Sub(origin))
			}
			between := now.Add(time.Duration(rapid.Float64Range(0, 0.999).Draw(t, "part") * float64(last.next.Sub(now))))
			if got := l.at(between); got.shape(true, 1) != last.shape(true, 1) || !got.next.Equal(last.next) {
				t.Fatalf("at %v, before the next change at %v:\n%+v\nin place of\n%+v", between.Sub(origin), last.next.Sub(origin), got, last)
			}
			now = last.next
			got := l.at(now)
			switch {
			case got.restarts < last.restarts:
				t.Fatalf("restarts went from %d to %d", last.restarts, got.restarts)
			case last.over():
				t.Fatalf("a pod that was over changed at %v", now.Sub(origin))
			case got.turned.After(now) || got.turned.Before(last.turned):
				t.Fatalf("at %v its readiness has turned at %v, and before at %v", now.Sub(origin), got.turned.Sub(origin), last.turned.Sub(origin))
			case got.ready != last.ready && !got.turned.Equal(now):
				t.Fatalf("at %v ready became %t, and is said to have at %v", now.Sub(origin), got.ready, got.turned.Sub(origin))
			}
			last = got
		}
	})
}

func TestFailShareIsAShare(t *testing.T) {
	failed := 0
	for i := range 10000 {
		if draw(7, string(rune('a'+i%26))+time.Duration(i).String(), "fail", 0) < 0.25 {
			failed++
		}
	}
	if failed < 2300 || failed > 2700 {
		t.Errorf("%d of 10000 draws fell below a quarter", failed)
	}
}
