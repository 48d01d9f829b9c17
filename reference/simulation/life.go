package simulation

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The delays between restarts of a crashing container (docs: pod-lifecycle, "How Pods handle problems
// with containers"): none before the first, then 10 s doubling to 5 min; a run of 10 min starts over.
const (
	firstBackOff = 10 * time.Second
	maxBackOff   = 5 * time.Minute
	forgetAfter  = 10 * time.Minute
)

// exitKilled is the exit code of a container that was killed.
const exitKilled = 137

// spec is what of a pod's spec decides its life; pods of one template share it.
type spec struct {
	init, main  []container
	restart     corev1.RestartPolicy
	hostNetwork bool
	// deadline is spec.activeDeadlineSeconds; none if zero.
	deadline time.Duration
	gates    []corev1.PodConditionType
}

type container struct {
	name, image string
	sidecar     bool
}

// life is all that a pod's state depends on.
type life struct {
	seed     uint64
	uid      string
	spec     *spec
	behavior *Behavior
	// origin is when the node took the pod on: its status.startTime.
	origin time.Time
	// stop is when its deletion was asked for, with so much grace; zero if it was not.
	stop  time.Time
	grace time.Duration
}

// run is one run of a container; one that goes on has no end.
type run struct {
	started, ended time.Time
	code           int32
}

// stage is how a pod is at a moment.
type stage struct {
	phase corev1.PodPhase
	// reason is why the node ended the pod, if it did.
	reason string
	// sandbox is when the pod got its address, initialized when its init containers had done their
	// work; zero before.
	sandbox, initialized time.Time
	// init are the runs of the init containers that have started.
	init []run
	// run is the present or last run of the other containers, none before the first; previous the one before.
	run, previous *run
	restarts      int32
	// backOff is what a crashed pod waits before its next run.
	backOff time.Duration
	ready   bool
	// turned is since when the pod is ready or not.
	turned time.Time
	// next is when the stage changes by itself; zero for never.
	next time.Time
}

// over tells whether nothing of the pod runs any more or ever will.
func (s *stage) over() bool { return s.phase == corev1.PodSucceeded || s.phase == corev1.PodFailed }

// at is the pod's stage at t: what comes by itself, until a deadline or a deletion cuts it short.
func (l *life) at(t time.Time) stage {
	cut, reason, code := l.cut()
	if cut.IsZero() || t.Before(cut) {
		s := l.undisturbed(t)
		if !s.over() && !cut.IsZero() {
			s.next = earliest(s.next, cut)
		}
		return s
	}
	s := l.undisturbed(cut)
	if s.over() {
		return s
	}
	s.end(cut, code)
	s.reason = reason
	if reason != "" {
		s.phase = corev1.PodFailed
	}
	return s
}

// cut is when something from outside ends the pod, and how; zero for never.
func (l *life) cut() (at time.Time, reason string, code int32) {
	if l.spec.deadline > 0 {
		at, reason, code = l.origin.Add(l.spec.deadline), "DeadlineExceeded", exitKilled
	}
	if l.stop.IsZero() {
		return at, reason, code
	}
	takes, ends := l.draw(l.behavior.StopAfter, "stop-after", 0)
	stopped, stopCode := l.stop.Add(takes), int32(0)
	if !ends || takes > l.grace {
		stopped, stopCode = l.stop.Add(l.grace), exitKilled
	}
	if at.IsZero() || stopped.Before(at) {
		return stopped, "", stopCode
	}
	return at, reason, code
}

// end ends what runs.
func (s *stage) end(t time.Time, code int32) {
	for i := range s.init {
		if s.init[i].ended.IsZero() {
			s.init[i].ended, s.init[i].code = t, code
		}
	}
	s.phase = corev1.PodFailed
	if s.run != nil {
		if s.run.ended.IsZero() {
			s.run.ended, s.run.code = t, code
		}
		if s.run.code == 0 {
			s.phase = corev1.PodSucceeded
		}
	}
	if s.ready {
		s.ready, s.turned = false, t
	}
	s.backOff, s.next = 0, time.Time{}
}

// undisturbed is the pod's stage at t if nobody ends it.
func (l *life) undisturbed(t time.Time) stage {
	s := stage{phase: corev1.PodPending, turned: l.origin}
	wait, ok := l.draw(l.behavior.StartAfter, "start-after", 0)
	at := l.origin.Add(wait)
	if !ok {
		return s
	}
	if t.Before(at) {
		s.next = at
		return s
	}
	s.sandbox = at
	for i, c := range l.spec.init {
		if c.sidecar {
			s.init = append(s.init, run{started: at})
			continue
		}
		takes, ends := l.draw(l.behavior.InitFor, "init-for", i)
		end := at.Add(takes)
		if !ends || t.Before(end) {
			s.init = append(s.init, run{started: at})
			if ends {
				s.next = end
			}
			return s
		}
		s.init = append(s.init, run{started: at, ended: end})
		at = end
	}
	s.initialized = at
	l.runs(&s, t)
	return s
}

// runs follows the containers from their first start until t.
func (l *life) runs(s *stage, t time.Time) {
	s.phase = corev1.PodRunning
	crashes := 0
	for start := s.initialized; ; s.restarts++ {
		n := int(s.restarts)
		takes, ends := l.draw(l.behavior.RunFor, "run-for", n)
		end := start.Add(takes)
		warmUp, ok := l.draw(l.behavior.ReadyAfter, "ready-after", n)
		ready := start.Add(warmUp)
		becomesReady := ok && (!ends || ready.Before(end))
		if !ends || t.Before(end) {
			s.run = &run{started: start}
			if ends {
				s.next = end
			}
			if becomesReady && t.Before(ready) {
				s.next = ready
			} else if becomesReady {
				s.ready, s.turned = true, ready
			}
			return
		}
		if becomesReady {
			s.turned = end
		}
		s.run = &run{started: start, ended: end, code: l.exitCode(n)}
		if !l.restarts(s.run.code) {
			s.phase = corev1.PodSucceeded
			if s.run.code != 0 {
				s.phase = corev1.PodFailed
			}
			return
		}
		if takes > forgetAfter {
			crashes = 0
		}
		wait := backOff(crashes)
		crashes++
		if start = end.Add(wait); t.Before(start) {
			s.backOff, s.next = wait, start
			return
		}
		s.previous = s.run
	}
}

func (l *life) restarts(code int32) bool {
	return l.spec.restart == corev1.RestartPolicyAlways || l.spec.restart == corev1.RestartPolicyOnFailure && code != 0
}

func (l *life) exitCode(n int) int32 {
	if l.behavior.FailShare > 0 && draw(l.seed, l.uid, "fail", n) < l.behavior.FailShare {
		return 1
	}
	return l.behavior.ExitCode
}

func (l *life) draw(d Delay, what string, n int) (time.Duration, bool) {
	if d.Min == d.Max {
		return d.of(0) // no draw needed
	}
	return d.of(draw(l.seed, l.uid, what, n))
}

// backOff is what is waited before the restart that follows so many others.
func backOff(restarts int) time.Duration {
	if restarts == 0 {
		return 0
	}
	return min(firstBackOff<<min(restarts-1, 10), maxBackOff)
}

// earliest is the earlier of two times, of which a zero one is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
