// Package node makes a node of a part of this machine: a process in network, mount, process, host
// name, IPC and control group namespaces of its own, with a root file system of its own, that keeps
// the node's processes alive (see ../init).
//
// To kill that process is a power cut: the kernel ends everything in the node and takes its mounts
// and its network with it. What remains is the node's disk, a directory, and Launch starts it again.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/process"
	"github.com/etalon-dev/etalon/reference/network"
)

// Node says what to launch.
type Node struct {
	// Plan has the cluster's addresses.
	Plan network.Plan
	// Number counts from 1; All are the numbers of all nodes of the cluster.
	Number int
	All    []int
	// Unplugged cuts the node's network from the cluster.
	Unplugged bool
	// Dir is the node's disk, an absolute path. Inside the node it has the same path.
	Dir string
	// Programs is the directory of etalon, etalon-init and their helpers; it also has the same path inside.
	Programs string
	// ID is the cluster's identifier.
	ID string
	// Processes are kept alive in the node; their files must be below Dir, or on the node's own root.
	Processes []spec.Process
}

// Name is the node's name in the cluster and its host name.
func (n Node) Name() string { return Name(n.Number) }

// Name is the name of a cluster's nth node, counted from 1.
func Name(n int) string { return "node-" + strconv.Itoa(n) }

// SpecFile is what the node's supervisor reads.
func (n Node) SpecFile() string { return filepath.Join(n.Dir, "init.json") }

// StateFile is what the node's supervisor writes; its process numbers are those inside the node.
func (n Node) StateFile() string { return filepath.Join(n.Dir, "state.json") }

// LogFile is where the node's supervisor says what it does.
func (n Node) LogFile() string { return filepath.Join(n.Dir, "logs", "init.log") }

// Group is the node's control group.
func (n Node) Group() string { return Group(n.Plan.Cluster) + "/" + n.Name() }

// Root holds the control groups of all clusters.
const Root = "etalon"

// Group holds the control groups of a cluster's nodes.
func Group(cluster string) string { return Root + "/" + cluster }

// Find returns the node's running supervisor, or nil.
func (n Node) Find() (*process.Handle, error) { return process.Find(n.SpecFile(), n.ID) }

// Launch starts the node, which must not be running. It returns once the node's supervisor has its
// network and goes on by itself; the node outlives this process.
func (n Node) Launch(ctx context.Context) error {
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := n.prepareDisk(); err != nil {
		return err
	}
	setup, err := n.setup(groups)
	if err != nil {
		return err
	}
	task := spec.Spec{Hostname: n.Name(), Setup: setup, NoFile: 1 << 20, Processes: n.Processes, StateFile: n.StateFile()}
	if err := spec.Save(n.SpecFile(), task); err != nil {
		return err
	}
	// An earlier life's groups may still hold what the power cut is ending.
	if err := groups.Remove(n.Group(), 5*time.Second); err != nil {
		return err
	}
	if err := groups.Create(n.Group()); err != nil {
		return err
	}
	return n.start(ctx, groups)
}

// start clones the supervisor into its namespaces and, while it waits, gives it its control groups and its network.
func (n Node) start(ctx context.Context, groups *cgroup.Layout) (err error) {
	ready, release, err := os.Pipe()
	if err != nil {
		return err
	}
	defer release.Close()
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, ready.Close())
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(n.Programs, process.Init), n.SpecFile(), n.ID)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = append(Environment(n.Programs), "ETALON_INIT_ENTER=1")
	cmd.ExtraFiles = []*os.File{ready}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS |
		syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	err = cmd.Start()
	ready.Close()
	if err != nil {
		return fmt.Errorf("start %s in its namespaces: %w", n.Name(), err)
	}
	// While this process lives it is the parent, and must collect the node when it ends.
	go func() { _ = cmd.Wait() }()
	defer func() {
		if err != nil {
			_ = cmd.Process.Kill()
		}
	}()
	if err := groups.Add(n.Group(), cmd.Process.Pid); err != nil {
		return err
	}
	if err := n.Plan.Attach(cmd.Process.Pid, n.Number, n.All); err != nil {
		return fmt.Errorf("network of %s: %w", n.Name(), err)
	}
	if n.Unplugged {
		if err := n.Plan.Unplug(n.Number); err != nil {
			return fmt.Errorf("network of %s: %w", n.Name(), err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = release.Write([]byte{1})
	return err
}

// Environment is what processes of a cluster get to see of ours: nothing but where programs are,
// the cluster's own among them: a restarted containerd looks for the shims of its containers there.
func Environment(programs string) []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + programs, "HOME=/root"}
}

// PowerOff tells the node's running supervisor that the machine is being shut down, and returns when it has stopped
// everything: each process has its own time for that.
func (n Node) PowerOff(ctx context.Context, running *process.Handle) error {
	if err := running.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return running.Wait(ctx)
}

// Cut ends the node at once, as a power cut does, and removes its control groups. Its disk stays.
func (n Node) Cut(ctx context.Context) error {
	running, err := n.Find()
	if err != nil {
		return err
	}
	if running != nil {
		defer running.Close()
		if err := running.Kill(ctx); err != nil {
			return err
		}
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	return groups.Remove(n.Group(), 5*time.Second)
}
