// Package process runs the programs that benchmarks measure, and reads what they cost.
package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of the times in /proc/<pid>/stat: USER_HZ, 100 on every Linux.
const clockTick = 10 * time.Millisecond

// Process is a program under measurement.
type Process struct {
	pid     int
	command *exec.Cmd
	done    chan struct{}
}

// Start starts the command.
func Start(command *exec.Cmd) (*Process, error) {
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &Process{pid: command.Process.Pid, command: command, done: make(chan struct{})}
	go func() {
		_ = command.Wait() // how it ended shows in its log
		close(p.done)
	}()
	return p, nil
}

// Other is a process that someone else started. Its cost can be read, nothing more.
func Other(pid int) *Process { return &Process{pid: pid} }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop asks the process to end, and kills it if it has not ended after the timeout.
func (p *Process) Stop(timeout time.Duration) {
	_ = p.command.Process.Signal(unix.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(timeout):
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// CPU is the processor time that the process has used, user and system, in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(text)
}

// parseCPU reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The second field, a name in
// parentheses, may itself hold spaces and parentheses.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("not a process status: %q", stat)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not a process status: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// Memory is the resident memory of the process in bytes, and the part of it that is no file's.
func (p *Process) Memory() (resident, anonymous int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	return parseMemory(text)
}

func parseMemory(status []byte) (resident, anonymous int64, err error) {
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kib); n == 1 {
			resident = kib << 10
		}
		if n, _ := fmt.Sscanf(string(line), "RssAnon: %d kB", &kib); n == 1 {
			anonymous = kib << 10
		}
	}
	if resident == 0 {
		return 0, 0, fmt.Errorf("no VmRSS in the process status")
	}
	return resident, anonymous, nil
}
