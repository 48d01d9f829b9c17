package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

const (
	firstWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
	// A process that ran this long was well: its back-off begins anew.
	steady = 10 * time.Second
)

// child is a process and what has become of it. A pid of 0 means that it is not running and is to be started at due.
type child struct {
	spec.Process
	pid      int
	started  time.Time
	due      time.Time
	wait     time.Duration
	restarts int
	lastExit string
}

// ended notes the end and when to try again.
func (c *child) ended(now time.Time, how string) {
	c.wait = backoff(c.wait, now.Sub(c.started))
	c.pid, c.lastExit, c.due = 0, how, now.Add(c.wait)
}

// backoff returns how long to wait after a run of that length: it doubles, from 100 ms up to 5 s, until a run is steady.
func backoff(previous, ran time.Duration) time.Duration {
	if previous == 0 || ran >= steady {
		return firstWait
	}
	return min(2*previous, longWait)
}

// fork starts a process of its own session, with its output appended to its log. The kernel kills it
// when the supervisor dies.
func fork(p spec.Process) (int, error) {
	out := uintptr(2)
	if p.Log != "" {
		f, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		out = f.Fd()
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	env := p.Env
	if len(env) == 0 {
		env = os.Environ()
	}
	pid, err := syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{null.Fd(), out, out},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.Path, err)
	}
	return pid, nil
}

// describe says how a process ended, in the words of os/exec.
func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "signal: " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// raiseNoFile sets the limit on open files that children inherit, as high as the machine lets us.
func raiseNoFile(want uint64) {
	if want == 0 {
		return
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: want, Max: want}) == nil {
		return
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err == nil {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: min(want, now.Max), Max: now.Max})
	}
}
