package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

// supervisor owns its processes in one goroutine; signals and the clock are its only inputs.
type supervisor struct {
	spec     *spec.Spec
	children []*child
	signals  chan os.Signal
}

func newSupervisor(s *spec.Spec) *supervisor {
	sup := &supervisor{spec: s, signals: make(chan os.Signal, 16)}
	for _, p := range s.Processes {
		sup.children = append(sup.children, &child{Process: p})
	}
	return sup
}

// run returns when SIGTERM or SIGINT has been answered by stopping every process.
func (s *supervisor) run() error {
	signal.Notify(s.signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	raiseNoFile(s.spec.NoFile)
	for _, c := range s.children {
		s.start(c)
	}
	s.save()
	timer := time.NewTimer(time.Hour)
	for {
		timer.Reset(s.untilNextStart(time.Now()))
		select {
		case sig := <-s.signals:
			if sig != syscall.SIGCHLD {
				s.stop()
				return nil
			}
			s.reap()
		case <-timer.C:
		}
		s.startDue(time.Now())
	}
}

// reap collects every child that has ended, also the orphans that process 1 inherits.
func (s *supervisor) reap() {
	changed := false
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 || err != nil {
			break
		}
		for _, c := range s.children {
			if c.pid == pid {
				c.ended(time.Now(), describe(status))
				logf("%s ended: %s; again in %v", c.Name, c.lastExit, c.wait)
				changed = true
			}
		}
	}
	if changed {
		s.save()
	}
}

func (s *supervisor) startDue(now time.Time) {
	changed := false
	for _, c := range s.children {
		if c.pid == 0 && !now.Before(c.due) {
			c.restarts++
			s.start(c)
			changed = true
		}
	}
	if changed {
		s.save()
	}
}

func (s *supervisor) start(c *child) {
	pid, err := fork(c.Process)
	c.started, c.pid = time.Now(), pid
	if err != nil {
		c.ended(time.Now(), err.Error())
		logf("%s does not start: %v; again in %v", c.Name, err, c.wait)
	}
}

func (s *supervisor) untilNextStart(now time.Time) time.Duration {
	next := time.Hour
	for _, c := range s.children {
		if c.pid == 0 {
			next = min(next, max(0, c.due.Sub(now)))
		}
	}
	return next
}

// repeat is how often a process's own stop signal is sent: one that has only just started may not listen yet.
const repeat = 500 * time.Millisecond

// stop ends the processes one by one, the last started first, each by its signal and, when it does not heed that, SIGKILL.
func (s *supervisor) stop() {
	for i := len(s.children) - 1; i >= 0; i-- {
		c := s.children[i]
		if c.pid == 0 {
			continue
		}
		_ = syscall.Kill(c.pid, c.StopBy())
		timeout := time.NewTimer(c.StopAfter())
		again := time.NewTicker(repeat)
		for c.pid != 0 {
			select {
			case <-again.C:
				if c.StopSignal != 0 {
					_ = syscall.Kill(c.pid, c.StopBy())
				}
			case sig := <-s.signals:
				if sig == syscall.SIGCHLD {
					s.reap()
				}
			case <-timeout.C:
				logf("%s did not end within %v of %v: killed", c.Name, c.StopAfter(), c.StopBy())
				_ = syscall.Kill(c.pid, syscall.SIGKILL)
			}
		}
		again.Stop()
	}
	s.save()
}

func (s *supervisor) save() {
	if s.spec.StateFile == "" {
		return
	}
	var state spec.State
	for _, c := range s.children {
		state.Processes = append(state.Processes, spec.ProcessState{Name: c.Name, Pid: c.pid, Started: c.started, Restarts: c.restarts, LastExit: c.lastExit})
	}
	if err := spec.Save(s.spec.StateFile, state); err != nil {
		logf("state: %v", err)
	}
}

func logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
}
