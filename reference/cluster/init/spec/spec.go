// Package spec is what etalon-init reads: which processes to keep alive and, for a node, how to
// furnish its namespaces first. It imports nothing outside the standard library, as the
// supervisor that links it must start at once and stay small.
package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Spec is one supervisor's whole task.
type Spec struct {
	// Hostname is set before anything else; empty leaves it. For a node only.
	Hostname string `json:"hostname,omitempty"`
	// Setup is done once, in order, by the process that enters a node's namespaces.
	Setup []Step `json:"setup,omitempty"`
	// NoFile is the limit on open files for every process; it is lowered to what the machine allows. 0 leaves it.
	NoFile uint64 `json:"noFile,omitempty"`
	// Processes are started in this order and stopped in the reverse of it.
	Processes []Process `json:"processes"`
	// StateFile is rewritten whenever a process starts or ends (State, as JSON). Empty: none is kept.
	StateFile string `json:"stateFile,omitempty"`
}

// Process is one child, started again whenever it ends.
type Process struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Args []string `json:"args,omitempty"`
	// Env replaces the supervisor's environment when it is not empty.
	Env []string `json:"env,omitempty"`
	// Log is the file to which output is appended (mode 0600).
	Log string `json:"log,omitempty"`
	// StopSignal asks it to end when the supervisor does, again and again until it has; 0 means SIGTERM, once.
	StopSignal int `json:"stopSignal,omitempty"`
	// StopSeconds is how long it may take to end after that before SIGKILL; 0 means 5.
	StopSeconds int `json:"stopSeconds,omitempty"`
}

// StopBy is the signal that asks it to end.
func (p Process) StopBy() syscall.Signal {
	if p.StopSignal == 0 {
		return syscall.SIGTERM
	}
	return syscall.Signal(p.StopSignal)
}

// StopAfter is the time between that signal and SIGKILL.
func (p Process) StopAfter() time.Duration {
	if p.StopSeconds <= 0 {
		return 5 * time.Second
	}
	return time.Duration(p.StopSeconds) * time.Second
}

// Step is one thing to do in a fresh set of namespaces. Exactly one of its parts is set.
type Step struct {
	Mkdir   string   `json:"mkdir,omitempty"`
	Mount   *Mount   `json:"mount,omitempty"`
	Symlink *Symlink `json:"symlink,omitempty"`
	Write   *Write   `json:"write,omitempty"`
	// Pivot makes this directory (a mount point) the root, and lets go of the old one with all below it.
	Pivot string `json:"pivot,omitempty"`
	// Optional steps may fail: what they provide is a nicety of some machines.
	Optional bool `json:"optional,omitempty"`
}

// Mount is mount(2). The target is made if it is missing: a directory, or an empty file when Source is a file.
type Mount struct {
	Source string  `json:"source"`
	Target string  `json:"target"`
	Type   string  `json:"type,omitempty"`
	Flags  uintptr `json:"flags,omitempty"`
	Data   string  `json:"data,omitempty"`
}

// Symlink makes Link point to Target; one that is there already is left.
type Symlink struct {
	Target string `json:"target"`
	Link   string `json:"link"`
}

// Write writes a file, most often a sysctl or a cgroup's knob. Missing parents are made.
type Write struct {
	File string `json:"file"`
	Data string `json:"data"`
}

// State is what a supervisor knows of its processes.
type State struct {
	Processes []ProcessState `json:"processes"`
}

// ProcessState is one process as last seen. Pid is in the supervisor's own process namespace, 0 when it is not running.
type ProcessState struct {
	Name     string    `json:"name"`
	Pid      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	// LastExit says how it last ended ("exit status 1", "signal: killed"); empty before the first time.
	LastExit string `json:"lastExit,omitempty"`
}

// Load reads a Spec and checks that it can be worked with.
func Load(file string) (*Spec, error) {
	s := new(Spec)
	if err := load(file, s); err != nil {
		return nil, err
	}
	for i, p := range s.Processes {
		if p.Name == "" || p.Path == "" {
			return nil, fmt.Errorf("%s: process %d has no name or no path", file, i)
		}
	}
	return s, nil
}

// LoadState reads the state that a supervisor keeps.
func LoadState(file string) (*State, error) {
	s := new(State)
	return s, load(file, s)
}

func load(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Save writes v (a Spec or a State) as JSON, whole or not at all, readable by its owner only.
func Save(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(append(b, '\n')); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
