// Package stats measures what the node, its pods and their containers use, and words it as the kubelet's API does:
// the summary (stats/v1alpha1) and Prometheus' text. It measures when it is asked and remembers two samples at most.
package stats

import "time"

// Usage is what the processes of one cgroup, and those of the cgroups below it, have used.
type Usage struct {
	At     time.Time
	CPU    CPU
	Memory Memory
	// Processes are those directly in the cgroup, Threads those in and below it; 0 where the kernel does not count them.
	Processes, Threads uint64
	// IO is what was read and written, by device.
	IO []Device
	// Pressure is how long work had to wait; nil where the kernel does not tell.
	Pressure *Pressure
}

// CPU is time of processors in nanoseconds.
type CPU struct {
	Total, User, System uint64
	// Periods counts the quota's periods, Throttled those in which it was used up, ThrottledTime for how long.
	Periods, Throttled, ThrottledTime uint64
	// Rate is Total's growth per second over the last window; nil before there were two samples.
	Rate *uint64
}

// Memory is in bytes, but for the faults.
type Memory struct {
	Usage, WorkingSet, RSS, Cache, Mapped, Max uint64
	Swap                                       uint64
	Faults, MajorFaults                        uint64
	// Failures counts how often the limit was hit.
	Failures uint64
}

// Device is the traffic with one block device.
type Device struct {
	// Number is major:minor.
	Number                               string
	ReadBytes, WriteBytes, Reads, Writes uint64
}

// Pressure is what the kernel calls PSI.
type Pressure struct{ CPU, Memory, IO PSI }

// PSI tells of one resource for how long some, or all, processes waited for it.
type PSI struct{ Some, Full PSILine }

// PSILine has shares in percent over 10, 60 and 300 seconds, and the sum in nanoseconds.
type PSILine struct {
	Avg10, Avg60, Avg300 float64
	Total                uint64
}

// Depth says how much of a cgroup is read.
type Depth int

const (
	// Basic is CPU time, working set and swap: what autoscaling needs.
	Basic Depth = iota
	// Full is all there is.
	Full
)

// Reader reads the accounting of cgroups. A path is that of the cgroup below the hierarchies' roots, "/" for all of them.
type Reader interface {
	Read(path string, depth Depth) (Usage, error)
	// Process returns the number of a process that is directly in the cgroup, 0 if there is none.
	Process(path string) int
}
