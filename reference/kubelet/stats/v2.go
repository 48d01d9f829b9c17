package stats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// V2 reads cgroups version 2: one hierarchy.
type V2 struct {
	// Root is where it is mounted, Proc is /proc: the machine's own root cgroup does not account for memory.
	Root, Proc string
}

// Read implements Reader.
func (v V2) Read(path string, depth Depth) (Usage, error) {
	u := Usage{At: time.Now()}
	file := func(name string) string { return filepath.Join(v.Root, path, name) }
	text, err := os.ReadFile(file("cpu.stat"))
	if err != nil {
		return u, fmt.Errorf("cpu usage: %w", err)
	}
	u.CPU.statV2(text)
	usage, err := readNumber(file("memory.current"))
	if errors.Is(err, fs.ErrNotExist) && filepath.Clean("/"+path) == "/" {
		var m Meminfo
		if m, err = ReadMeminfo(v.Proc); err == nil {
			usage, u.Memory.Swap = less(m.Total, m.Free), less(m.SwapTotal, m.SwapFree)
		}
	} else {
		u.Memory.Swap = number(file("memory.swap.current"))
	}
	if err != nil {
		return u, fmt.Errorf("memory usage: %w", err)
	}
	u.Memory.Usage = usage
	if text, err = os.ReadFile(file("memory.stat")); err != nil {
		return u, fmt.Errorf("memory usage: %w", err)
	}
	u.Memory.statV2(text)
	if depth == Basic {
		return u, nil
	}
	u.Memory.Max = number(file("memory.peak"))
	if text, err := os.ReadFile(file("memory.events")); err == nil {
		keys(text, func(key []byte, n uint64) {
			if string(key) == "max" {
				u.Memory.Failures = n
			}
		})
	}
	u.Processes = processes(file(""))
	u.Threads = number(file("pids.current"))
	text, _ = os.ReadFile(file("io.stat"))
	u.IO = parseIOStat(string(text))
	if text, err := os.ReadFile(file("cpu.pressure")); err == nil {
		u.Pressure = &Pressure{CPU: parsePSI(string(text))}
		text, _ = os.ReadFile(file("memory.pressure"))
		u.Pressure.Memory = parsePSI(string(text))
		text, _ = os.ReadFile(file("io.pressure"))
		u.Pressure.IO = parsePSI(string(text))
	}
	return u, nil
}

func (c *CPU) statV2(text []byte) {
	keys(text, func(key []byte, n uint64) {
		switch string(key) {
		case "usage_usec":
			c.Total = n * 1000
		case "user_usec":
			c.User = n * 1000
		case "system_usec":
			c.System = n * 1000
		case "nr_periods":
			c.Periods = n
		case "nr_throttled":
			c.Throttled = n
		case "throttled_usec":
			c.ThrottledTime = n * 1000
		}
	})
}

func (m *Memory) statV2(text []byte) {
	var inactive uint64
	keys(text, func(key []byte, n uint64) {
		switch string(key) {
		case "anon":
			m.RSS = n
		case "file":
			m.Cache = n
		case "file_mapped":
			m.Mapped = n
		case "pgfault":
			m.Faults = n
		case "pgmajfault":
			m.MajorFaults = n
		case "inactive_file":
			inactive = n
		}
	})
	m.WorkingSet = less(m.Usage, inactive)
}

// Process implements Reader.
func (v V2) Process(path string) int { return firstProcess(filepath.Join(v.Root, path)) }
