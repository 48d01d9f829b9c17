package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
)

// Status is what of a cluster runs.
type Status struct {
	Components []Component
	// Healthy is true when all of it runs and all nodes are Ready, but for those that the user has stopped or disconnected.
	Healthy bool
}

// Component is a process of the control plane, or a node.
type Component struct {
	Name string
	// State is running, off, ready, or what it lacks; a node may be stopped or disconnected on purpose.
	State string
	// Detail has the number and restarts of a process, the address of a node.
	Detail string
	ok     bool
}

func statusCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what of a cluster runs; fails when something does not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := Find(name)
			if err != nil {
				return err
			}
			status, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			status.print(cmd.OutOrStdout(), c)
			if !status.Healthy {
				return fmt.Errorf("cluster %q is not whole; `etalon up%s` starts what is missing", c.Name, nameFlag(c.Name))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", DefaultName, "name of the cluster")
	return cmd
}

// Status asks the machine what runs, and the API server how it is.
func (c *Cluster) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	supervisor, err := c.findControlPlane()
	if err != nil {
		return nil, err
	}
	s.Components = append(s.Components, c.machineComponents(ctx, supervisor)...)
	if supervisor != nil {
		supervisor.Close()
	}
	if c.SimulatedNodes > 0 {
		component, err := c.simulationComponent()
		if err != nil {
			return nil, err
		}
		s.Components = append(s.Components, component)
	}
	for _, n := range c.allNodes() {
		component, err := c.nodeComponent(ctx, n)
		if err != nil {
			return nil, err
		}
		s.Components = append(s.Components, component)
	}
	s.Healthy = true
	for _, component := range s.Components {
		s.Healthy = s.Healthy && component.ok
	}
	return s, nil
}

// machineComponents are the processes of the control plane, by the state that their supervisor keeps.
func (c *Cluster) machineComponents(ctx context.Context, supervisor *process.Handle) []Component {
	running := c.states(controlPlaneState, supervisor)
	var list []Component
	for _, p := range c.controlPlane() {
		component := describe(p.Name, running[p.Name])
		if p.Name == "apiserver" && component.ok {
			component.State, component.ok = c.apiState(ctx)
		}
		list = append(list, component)
	}
	return list
}

// states are what a supervisor says of its processes, by name; nothing if it does not run.
func (c *Cluster) states(file string, supervisor *process.Handle) map[string]spec.ProcessState {
	states := map[string]spec.ProcessState{}
	if supervisor == nil {
		return states
	}
	if state, err := spec.LoadState(c.path(file)); err == nil {
		for _, p := range state.Processes {
			states[p.Name] = p
		}
	}
	return states
}

func describe(name string, now spec.ProcessState) Component {
	component := Component{Name: name, State: "off"}
	if now.Pid != 0 {
		component.State, component.ok = "running", true
		component.Detail = fmt.Sprintf("pid %d, restarts %d, for %v", now.Pid, now.Restarts, time.Since(now.Started).Round(time.Second))
	} else if now.LastExit != "" {
		component.Detail = "ended: " + now.LastExit
	}
	return component
}

func (c *Cluster) simulationComponent() (Component, error) {
	supervisor, err := c.findSimulation()
	if err != nil {
		return Component{}, err
	}
	if supervisor != nil {
		defer supervisor.Close()
	}
	component := describe("simulation", c.states(simulationState, supervisor)["simulation"])
	if component.ok {
		component.Detail += fmt.Sprintf(", %d %s", c.SimulatedNodes, plural(c.SimulatedNodes, "node"))
	}
	return component, nil
}

// Processes are the numbers of the machine's processes of the cluster that run, by name; those in nodes are not among them.
func (c *Cluster) Processes() (map[string]int, error) {
	pids := map[string]int{}
	for file, find := range map[string]func() (*process.Handle, error){controlPlaneState: c.findControlPlane, simulationState: c.findSimulation} {
		supervisor, err := find()
		if err != nil {
			return nil, err
		}
		if supervisor == nil {
			continue
		}
		for name, state := range c.states(file, supervisor) {
			if state.Pid != 0 {
				pids[name] = state.Pid
			}
		}
		supervisor.Close()
	}
	return pids, nil
}

// NodeProcesses are this machine's numbers of the processes of a node that run, by the name of their part ("kubelet",
// "containerd", "proxy"); "init" is the node's supervisor, whose /proc/N/root is the node's root directory.
func (c *Cluster) NodeProcesses(name string) (map[string]int, error) {
	for _, n := range c.allNodes() {
		if n.Name() != name {
			continue
		}
		supervisor, err := n.Find()
		if err != nil {
			return nil, err
		}
		if supervisor == nil {
			return nil, fmt.Errorf("node %s does not run", name)
		}
		defer supervisor.Close()
		pids := map[string]int{"init": supervisor.Pid}
		for _, child := range supervisor.Children() {
			if part := partOf(child.Pid); part != "" {
				pids[part] = child.Pid
			}
			child.Close()
		}
		return pids, nil
	}
	return nil, fmt.Errorf("the cluster has no node %q", name)
}

// partOf is the part of etalon that a process runs, by its first argument; empty if it is another program.
func partOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	arguments := strings.Split(string(text), "\x00")
	if len(arguments) < 2 || filepath.Base(arguments[0]) != "etalon" {
		return ""
	}
	return arguments[1]
}

func (c *Cluster) apiState(ctx context.Context) (string, bool) {
	client, err := c.client()
	if err == nil {
		err = apiReady(client)(ctx)
	}
	if err != nil {
		return "not ready", false
	}
	return "ready", true
}

func (c *Cluster) nodeComponent(ctx context.Context, n node.Node) (Component, error) {
	component := Component{Name: n.Name(), State: "off", Detail: fmt.Sprintf("%s, pods %s", n.Plan.Node(n.Number).Addr(), n.Plan.NodePods(n.Number))}
	running, err := n.Find()
	if err != nil {
		return component, err
	}
	if running == nil {
		if slices.Contains(c.Stopped, n.Number) {
			component.State, component.ok = "stopped", true
		}
		return component, nil
	}
	defer running.Close()
	component.Detail = fmt.Sprintf("pid %d, %s", running.Pid, component.Detail)
	if n.Unplugged {
		component.State, component.ok = "disconnected", true
		return component, nil
	}
	if !c.has("kubelet") {
		component.State, component.ok = "running", true
		return component, nil
	}
	client, err := c.client()
	if err == nil {
		err = nodeReady(client, n.Name(), time.Time{})(ctx)
	}
	component.State, component.ok = "ready", err == nil
	if err != nil {
		component.State = "not ready"
	}
	return component, nil
}

func (s *Status) print(out io.Writer, c *Cluster) {
	fmt.Fprintf(out, "Cluster %q: %s, data in %s\n", c.Name, c.Server(), c.DataDir)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tDETAIL")
	for _, component := range s.Components {
		fmt.Fprintln(w, strings.Join([]string{component.Name, component.State, component.Detail}, "\t"))
	}
	_ = w.Flush()
}
