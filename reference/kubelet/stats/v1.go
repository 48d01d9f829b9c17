package stats

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// userTick is the unit of cpuacct.stat: USER_HZ is 100 on every architecture that Linux runs containers on.
const userTick = uint64(10 * time.Millisecond)

// V1 reads cgroups version 1: a hierarchy per controller.
type V1 struct {
	// Root is where the controllers' hierarchies are mounted.
	Root string
}

// Read implements Reader.
func (v V1) Read(path string, depth Depth) (Usage, error) {
	u := Usage{At: time.Now()}
	file := func(controller, name string) string { return filepath.Join(v.Root, controller, path, name) }
	var err error
	if u.CPU.Total, err = readNumber(file("cpuacct", "cpuacct.usage")); err != nil {
		return u, fmt.Errorf("cpu usage: %w", err)
	}
	if u.Memory.Usage, err = readNumber(file("memory", "memory.usage_in_bytes")); err != nil {
		return u, fmt.Errorf("memory usage: %w", err)
	}
	text, err := os.ReadFile(file("memory", "memory.stat"))
	if err != nil {
		return u, fmt.Errorf("memory usage: %w", err)
	}
	u.Memory.statV1(text)
	if depth == Basic {
		return u, nil
	}
	u.Memory.Max = number(file("memory", "memory.max_usage_in_bytes"))
	u.Memory.Failures = number(file("memory", "memory.failcnt"))
	if text, err := os.ReadFile(file("cpuacct", "cpuacct.stat")); err == nil {
		keys(text, func(key []byte, n uint64) {
			switch string(key) {
			case "user":
				u.CPU.User = n * userTick
			case "system":
				u.CPU.System = n * userTick
			}
		})
	}
	if text, err := os.ReadFile(file("cpu", "cpu.stat")); err == nil {
		keys(text, func(key []byte, n uint64) {
			switch string(key) {
			case "nr_periods":
				u.CPU.Periods = n
			case "nr_throttled":
				u.CPU.Throttled = n
			case "throttled_time":
				u.CPU.ThrottledTime = n
			}
		})
	}
	u.Processes = processes(file("memory", ""))
	u.Threads = number(file("pids", "pids.current"))
	served, _ := os.ReadFile(file("blkio", "blkio.throttle.io_service_bytes_recursive"))
	counted, _ := os.ReadFile(file("blkio", "blkio.throttle.io_serviced_recursive"))
	u.IO = parseThrottle(string(served), string(counted))
	return u, nil
}

// statV1 takes the sums that include the cgroups below.
func (m *Memory) statV1(text []byte) {
	var inactive uint64
	keys(text, func(key []byte, n uint64) {
		switch string(key) {
		case "total_rss":
			m.RSS = n
		case "total_cache":
			m.Cache = n
		case "total_mapped_file":
			m.Mapped = n
		case "total_swap":
			m.Swap = n
		case "total_pgfault":
			m.Faults = n
		case "total_pgmajfault":
			m.MajorFaults = n
		case "total_inactive_file":
			inactive = n
		}
	})
	m.WorkingSet = less(m.Usage, inactive)
}

// less is a - b, or 0: the two are not read at the same moment.
func less(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

// Process implements Reader.
func (v V1) Process(path string) int { return firstProcess(filepath.Join(v.Root, "memory", path)) }
