package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/registry"
)

// Commands are what a user types to have a cluster.
func Commands() []*cobra.Command {
	return []*cobra.Command{upCommand(), statusCommand(), kubeconfigCommand(), logsCommand(), imageCommand(), nodeCommand(), tokenCommand(), downCommand()}
}

// PartCommands are the parts of a cluster that are neither Kubernetes' nor the suite's.
func PartCommands() []*cobra.Command {
	return []*cobra.Command{registry.Command(), containerd.Command()}
}

func upCommand() *cobra.Command {
	var o Options
	var fsync bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a cluster up, or start again what is missing of it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.NoNodes = cmd.Flags().Changed("nodes") && o.Nodes == 0
			o.NoFsync = !fsync
			o.Progress = cmd.OutOrStdout()
			c, report, err := UpWithReport(cmd.Context(), o)
			if err != nil {
				return err
			}
			c.conclude(cmd.OutOrStdout(), report)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", DefaultName, "name of the cluster")
	flags.IntVar(&o.Nodes, "nodes", 0, "number of nodes, 1 to 200 (default 1, or as many as there are); 0 for a control plane alone")
	flags.IntVar(&o.SimulatedNodes, "simulated-nodes", 0, "number of nodes beside these whose pods run without containers (default as many as there are)")
	flags.StringArrayVar(&o.Simulate, "simulate", nil, "setting of these, a flag of `etalon simulate` without its dashes, such as ready-after=1s-3s; may be repeated")
	flags.StringVar(&o.DataDir, "data-dir", "", "the cluster's own directory (default "+DataRoot+"/NAME)")
	flags.StringSliceVar(&o.EtcdServers, "etcd-servers", nil, "use this etcd cluster in place of the embedded one")
	flags.BoolVar(&fsync, "fsync", true, "have etcd wait for the disk before it acknowledges a write")
	flags.StringVar(&o.AuditPolicyFile, "audit-policy-file", "", "have the API server keep an audit log by this policy, in logs/audit.log")
	flags.StringVar(&o.KubeletConfigFile, "kubelet-config", "", "a KubeletConfiguration for every node")
	flags.StringArrayVar(&o.ControllersArgs, "controllers-arg", nil, "an argument for the controllers, such as --node-monitor-grace-period=10s; may be repeated")
	flags.IntVar(&o.Port, "port", 0, "port of the API server (default 6443, or the next free one)")
	flags.StringSliceVar(&o.Without, "without", nil, "parts to leave out: "+strings.Join(Parts, ", "))
	flags.DurationVar(&o.Timeout, "timeout", DefaultTimeout, "how long it may take")
	flags.BoolVar(&o.Keep, "keep", false, "when it fails, leave everything for inspection")
	return cmd
}

// conclude tells that the cluster is up, and what to type next.
func (c *Cluster) conclude(out io.Writer, r Report) {
	next := "get nodes"
	switch {
	case r.Already:
		fmt.Fprintf(out, "Cluster %q is up already, with %s.\n", c.Name, c.population())
	case c.Nodes == 0 && c.SimulatedNodes == 0:
		fmt.Fprintf(out, "Cluster %q is up: control plane ready after %.1fs, without nodes.\n", c.Name, r.ControlPlane.Seconds())
		next = "api-resources"
	default:
		fmt.Fprintf(out, "Cluster %q is up: control plane ready after %.1fs, %s after %.1fs.\n",
			c.Name, r.ControlPlane.Seconds(), c.population(), r.All.Seconds())
	}
	kubeconfig := ""
	if path, ok := DefaultKubeconfig(); !ok || path != c.Kubeconfig() {
		kubeconfig = " --kubeconfig " + c.Kubeconfig()
	}
	fmt.Fprintf(out, "Next: etalon kubectl%s %s\n", kubeconfig, next)
}

// population says how many nodes there are.
func (c *Cluster) population() string {
	real := fmt.Sprintf("%d %s", c.Nodes, plural(c.Nodes, "node"))
	simulated := fmt.Sprintf("%d simulated %s", c.SimulatedNodes, plural(c.SimulatedNodes, "node"))
	switch {
	case c.SimulatedNodes == 0:
		return real
	case c.Nodes == 0:
		return simulated
	}
	return real + " and " + simulated
}

func downCommand() *cobra.Command {
	var name string
	var all bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take a cluster down and remove all that was made for it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{name}
			if all {
				if cmd.Flags().Changed("name") {
					return errors.New("--all and --name exclude each other")
				}
				var err error
				if names, err = Names(); err != nil {
					return err
				}
				if _, err := Find(DefaultName); err == nil && !slices.Contains(names, DefaultName) {
					names = append(names, DefaultName)
				}
			}
			for _, n := range names {
				if err := Down(cmd.Context(), n); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Cluster %q is gone.\n", n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", DefaultName, "name of the cluster")
	cmd.Flags().BoolVar(&all, "all", false, "take down every cluster of this machine")
	return cmd
}

func kubeconfigCommand() *cobra.Command {
	var name string
	var path bool
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the administrator's kubeconfig of a cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := Find(name)
			if err != nil {
				return err
			}
			if path {
				fmt.Fprintln(cmd.OutOrStdout(), c.Kubeconfig())
				return nil
			}
			b, err := os.ReadFile(c.Kubeconfig())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", DefaultName, "name of the cluster")
	cmd.Flags().BoolVar(&path, "path", false, "print the path of the file in place of what is in it")
	return cmd
}
