package stats

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Meminfo is the machine's memory in bytes, from /proc/meminfo.
type Meminfo struct{ Total, Free, SwapTotal, SwapFree uint64 }

// ReadMeminfo reads it.
func ReadMeminfo(proc string) (Meminfo, error) {
	text, err := os.ReadFile(filepath.Join(proc, "meminfo"))
	if err != nil {
		return Meminfo{}, err
	}
	return parseMeminfo(text), nil
}

func parseMeminfo(text []byte) (m Meminfo) {
	keys(bytes.ReplaceAll(text, []byte(" kB"), nil), func(key []byte, kib uint64) {
		switch string(key) {
		case "MemTotal:":
			m.Total = kib << 10
		case "MemFree:":
			m.Free = kib << 10
		case "SwapTotal:":
			m.SwapTotal = kib << 10
		case "SwapFree:":
			m.SwapFree = kib << 10
		}
	})
	return m
}

// Interface is the traffic of a network interface since it was made.
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Interfaces reads those of the network namespace that a process is in. Loopback and the nodes' ends of the pods'
// cables are left out: what goes over them is counted at the other end.
func Interfaces(proc string, pid int) []Interface {
	self := "self"
	if pid > 0 {
		self = strconv.Itoa(pid)
	}
	text, err := os.ReadFile(filepath.Join(proc, self, "net/dev"))
	if err != nil {
		return nil
	}
	return parseNetDev(string(text))
}

func parseNetDev(text string) []Interface {
	var out []Interface
	for line := range strings.Lines(text) {
		name, rest, found := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		name = strings.TrimSpace(name)
		if !found || len(fields) < 16 || name == "lo" || strings.HasPrefix(name, "veth") {
			continue
		}
		n := func(i int) uint64 { v, _ := strconv.ParseUint(fields[i], 10, 64); return v }
		out = append(out, Interface{Name: name,
			RxBytes: n(0), RxPackets: n(1), RxErrors: n(2), RxDropped: n(3),
			TxBytes: n(8), TxPackets: n(9), TxErrors: n(10), TxDropped: n(11)})
	}
	return out
}

// bootTime is when the machine was started.
func bootTime(proc string) (time.Time, error) {
	text, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "btime "); found {
			seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Unix(seconds, 0), err
		}
	}
	return time.Time{}, fmt.Errorf("%s/stat does not say btime", proc)
}

// processStart is when a process was started.
func processStart(proc string, pid int) (time.Time, error) {
	boot, err := bootTime(proc)
	if err != nil {
		return time.Time{}, err
	}
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return time.Time{}, err
	}
	ticks, err := startTicks(string(text))
	return boot.Add(time.Duration(ticks * userTick)), err
}

// startTicks reads the 22nd field of /proc/PID/stat. The 2nd, the command's name, may have anything in it.
func startTicks(stat string) (uint64, error) {
	_, rest, found := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return 0, fmt.Errorf("not a process's stat: %.80q", stat)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// pids are how many processes there may be, and how many there are, threads counted each.
func pids(proc string) (limit, current int64, ok bool) {
	most, err := readNumber(filepath.Join(proc, "sys/kernel/pid_max"))
	if err != nil {
		return 0, 0, false
	}
	if threads := number(filepath.Join(proc, "sys/kernel/threads-max")); threads > 0 {
		most = min(most, threads)
	}
	text, err := os.ReadFile(filepath.Join(proc, "loadavg"))
	if err != nil {
		return 0, 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 4 {
		return 0, 0, false
	}
	_, all, _ := strings.Cut(fields[3], "/")
	current, err = strconv.ParseInt(all, 10, 64)
	return int64(most), current, err == nil
}
