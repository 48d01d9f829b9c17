package pressure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

// stall is when version 2 of control groups has the kernel tell that memory is short: some process waited for memory for
// 200 ms within 2 s. Shorter windows are for the privileged.
const stall = "some 200000 2000000"

// notices has the kernel say when memory runs short, between the times at which the node is looked at anyway
// (kernelMemcgNotification). In version 1 of control groups it tells that usage crosses what leaves as little as a
// hard threshold; version 2 has no such thing, but tells when processes wait for memory.
type notices struct {
	places Places
	wake   chan struct{}
	armed  map[eviction.Signal]*alarm
}

// alarm is one request to the kernel; one for stalls has no file to close and stands for ever.
type alarm struct {
	at    int64
	event *os.File
}

// near is how far off a limit may be: it moves with every file that is read.
const near = 1 << 20

func newNotices(p Places) *notices {
	return &notices{places: p, wake: make(chan struct{}, 1), armed: map[eviction.Signal]*alarm{}}
}

// alarmAt is the usage of a control group that leaves as little of the capacity as the threshold: pages of files that
// were not used of late count as used for the kernel and as free for the threshold.
func alarmAt(capacity, threshold, inactive int64) int64 { return capacity - threshold + inactive }

// arm has the kernel tell when the hard thresholds for memory are met, which changes with how many files it has read.
func (n *notices) arm(ctx context.Context, thresholds []eviction.Threshold, observed map[eviction.Signal]eviction.Observation) {
	for _, t := range thresholds {
		group := "/"
		switch {
		case t.Soft:
			continue
		case t.Signal == eviction.AllocatableMemoryAvailable:
			group = cgroups.Root
		case t.Signal != eviction.MemoryAvailable:
			continue
		}
		o, ok := observed[t.Signal]
		if !ok {
			continue
		}
		if err := n.armOne(t.Signal, group, alarmAt(o.Capacity, t.Value.Of(o.Capacity), inactive(n.places.Cgroup, group))); err != nil {
			klog.FromContext(ctx).V(2).Info("The kernel does not tell when memory runs short", "signal", t.Signal, "err", err)
		}
	}
}

func (n *notices) armOne(s eviction.Signal, group string, at int64) error {
	old := n.armed[s]
	dir := filepath.Join(n.places.Cgroup, "memory", group)
	if _, err := os.Stat(filepath.Join(dir, "cgroup.event_control")); errors.Is(err, os.ErrNotExist) {
		if old != nil {
			return nil
		}
		fd, err := stalls(filepath.Join(n.places.Cgroup, group, "memory.pressure"))
		if err != nil {
			fd, err = stalls(filepath.Join(n.places.Proc, "pressure", "memory"))
		}
		if err != nil {
			return err
		}
		n.armed[s] = &alarm{}
		go n.poll(fd)
		return nil
	}
	if old != nil && at > old.at-near && at < old.at+near {
		return nil
	}
	event, err := crossings(dir, at)
	if err != nil {
		return err
	}
	if old != nil {
		old.event.Close()
	}
	n.armed[s] = &alarm{at: at, event: event}
	go n.read(event)
	return nil
}

// crossings is a file of which 8 bytes can be read each time the usage of the control group of version 1 crosses the limit.
func crossings(dir string, at int64) (*os.File, error) {
	usage, err := os.Open(filepath.Join(dir, "memory.usage_in_bytes"))
	if err != nil {
		return nil, err
	}
	defer usage.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	event := os.NewFile(uintptr(fd), "memory notices")
	if err := os.WriteFile(filepath.Join(dir, "cgroup.event_control"), fmt.Appendf(nil, "%d %d %d", fd, usage.Fd(), at), 0); err != nil {
		event.Close()
		return nil, err
	}
	return event, nil
}

// stalls is a file descriptor that has urgent data whenever processes wait for memory.
func stalls(file string) (int, error) {
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: file, Err: err}
	}
	if _, err := unix.Write(fd, []byte(stall+"\x00")); err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "write", Path: file, Err: err}
	}
	return fd, nil
}

// read passes on what the kernel tells until the file is closed.
func (n *notices) read(event *os.File) {
	var count [8]byte
	for {
		if _, err := event.Read(count[:]); err != nil {
			return
		}
		n.tell()
	}
}

// poll is read for urgent data, for which Go has no word: it waits in a system call, until the process ends or the control
// group does.
func (n *notices) poll(fd int) {
	defer unix.Close(fd)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || fds[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0:
			return
		}
		n.tell()
	}
}

func (n *notices) tell() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// close has the kernel tell nothing of limits any more.
func (n *notices) close() {
	for _, a := range n.armed {
		if a.event != nil {
			a.event.Close()
		}
	}
}

// inactive is how much of the group's memory are pages of files that were not used of late.
func inactive(mount, group string) int64 {
	for dir, name := range map[string]string{filepath.Join(mount, "memory", group): "total_inactive_file", filepath.Join(mount, group): "inactive_file"} {
		if text, err := os.ReadFile(filepath.Join(dir, "memory.stat")); err == nil {
			return fields(string(text))[name]
		}
	}
	return 0
}
