// Package process finds the supervisors of a cluster among the machine's processes, and ends them,
// without ever touching one that is not the cluster's.
//
// A supervisor is recognised by its whole command line: etalon-init, the file below the cluster's
// data directory that it reads, and the cluster's random identifier. So nothing has to be recorded
// that could be lost or go stale; and as signals go through a pidfd taken before the check, a number
// that has passed to another process in between does no harm.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Init is the supervisor's program.
const Init = "etalon-init"

// Handle is a hold on one process, good even after its number has passed to another.
type Handle struct {
	Pid int
	fd  int
}

// Find returns the supervisor that reads the file spec for the cluster id, or nil if none runs.
func Find(spec, id string) (*Handle, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !matches(pid, spec, id) {
			continue
		}
		h, err := open(pid)
		if err != nil {
			continue
		}
		if matches(pid, spec, id) {
			return h, nil
		}
		h.Close()
	}
	return nil, nil
}

func matches(pid int, spec, id string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && isSupervisor(b, spec, id)
}

func isSupervisor(cmdline []byte, spec, id string) bool {
	args := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	return len(args) == 3 && filepath.Base(string(args[0])) == Init && string(args[1]) == spec && string(args[2]) == id
}

func open(pid int) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return &Handle{Pid: pid, fd: fd}, nil
}

// Close lets go of the process.
func (h *Handle) Close() { _ = unix.Close(h.fd) }

// Signal sends a signal; a process that has ended already is no error.
func (h *Handle) Signal(s unix.Signal) error {
	if err := unix.PidfdSendSignal(h.fd, s, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", h.Pid, err)
	}
	return nil
}

// Alive reports whether it runs still.
func (h *Handle) Alive() bool { return !h.ended(0) }

func (h *Handle) ended(milliseconds int) bool {
	fds := []unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, milliseconds)
	return err == nil && n > 0
}

// Wait returns when the process has ended.
func (h *Handle) Wait(ctx context.Context) error {
	for !h.ended(50) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("process %d does not end: %w", h.Pid, err)
		}
	}
	return nil
}

// Children are the processes that it has started and that run now.
func (h *Handle) Children() []*Handle {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", h.Pid, h.Pid))
	if err != nil {
		return nil
	}
	var found []*Handle
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		if child, err := open(pid); err == nil {
			found = append(found, child)
		}
	}
	return found
}

// Kill ends the process and its children at once and waits until they are gone.
func (h *Handle) Kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	children := h.Children()
	if err := h.Signal(unix.SIGKILL); err != nil {
		return err
	}
	err := h.Wait(ctx)
	for _, c := range children {
		// They asked the kernel to die with their parent, and are doing so.
		err = errors.Join(err, c.Wait(ctx))
		c.Close()
	}
	return err
}
