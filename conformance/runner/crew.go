package runner

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// crew is the workers' processes.
type crew struct {
	srv   *server
	book  *book
	group sync.WaitGroup

	mu       sync.Mutex
	running  []*exec.Cmd
	problems []error
	killed   bool
}

func newCrew(srv *server, o Options, procs int, book *book) *crew {
	c := &crew{srv: srv, book: book}
	for process := 1; process <= procs; process++ {
		cmd := o.Command(srv.address, process)
		// Its own process group: Ctrl-C reaches us only, and we tell the workers to clean up.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		output := &tail{}
		cmd.Stdout, cmd.Stderr = output, output
		// The worker ends when this pipe does, that is, with us.
		if _, err := cmd.StdinPipe(); err != nil {
			c.fail(process, err, output)
			continue
		}
		if err := cmd.Start(); err != nil {
			c.fail(process, err, output)
			continue
		}
		c.mu.Lock()
		c.running = append(c.running, cmd)
		c.mu.Unlock()
		c.group.Go(func() { c.fail(process, cmd.Wait(), output) })
	}
	return c
}

// fail notes how a worker ended. One that ended in the middle of a spec fails that spec.
func (c *crew) fail(process int, err error, output *tail) {
	spec, busy := c.srv.ended(process)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && !busy {
		return
	}
	why := fmt.Sprintf("worker %d ended unexpectedly (%v)", process, err)
	if c.killed {
		why = fmt.Sprintf("worker %d did not stop in time and was killed", process)
	}
	if text := output.String(); text != "" {
		why += "; its last output:\n" + text
	}
	c.problems = append(c.problems, errors.New(why))
	if busy {
		c.book.crashed(spec, why)
	}
}

func (c *crew) wait() { c.group.Wait() }

// killAfter ends workers that have not stopped by themselves within the grace.
func (c *crew) killAfter(grace time.Duration) {
	done := make(chan struct{})
	go func() { c.group.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(grace):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.killed = true
		for _, cmd := range c.running {
			cmd.Process.Kill() //nolint:errcheck // it may just have ended
		}
	}
}

func (c *crew) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.problems...)
}

// Self is a Command that starts this program again with the given arguments, the address and the number.
func Self(args ...string) func(address string, process int) *exec.Cmd {
	return func(address string, process int) *exec.Cmd {
		path, err := os.Executable()
		if err != nil {
			path = os.Args[0]
		}
		return exec.Command(path, append(slices.Clone(args), address, fmt.Sprint(process))...)
	}
}
