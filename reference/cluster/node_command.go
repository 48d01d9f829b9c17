package cluster

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// nodeCommand are the commands that change which nodes a cluster has, and how they are.
func nodeCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "node", Short: "List, add, remove, stop, start, disconnect, connect and join nodes"}
	cmd.PersistentFlags().StringVar(&name, "name", DefaultName, "name of the cluster")
	cmd.AddCommand(nodeList(&name), nodeAdd(&name), nodeRemove(&name), nodeStop(&name), nodeStart(&name), nodeJoin(),
		onNodes(&name, "disconnect", "Cut nodes' network from the cluster's, while their containers run on", func(_ context.Context, _ io.Writer, node string) (string, error) {
			return "disconnected", DisconnectNode(name, node)
		}),
		onNodes(&name, "connect", "Undo disconnect", func(ctx context.Context, _ io.Writer, node string) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
			defer cancel()
			return "connected", ConnectNode(ctx, name, node)
		}))
	return cmd
}

// onNodes is a command that does one thing to each of the nodes that it is given, in turn.
func onNodes(cluster *string, verb, short string, do func(context.Context, io.Writer, string) (done string, err error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NODE...", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: completeNodes(cluster),
		RunE: func(cmd *cobra.Command, nodes []string) error {
			for _, node := range nodes {
				done, err := do(cmd.Context(), cmd.OutOrStdout(), node)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", node, done)
			}
			return nil
		},
	}
}

// completeNodes offers the names of the cluster's nodes that the line does not have yet.
func completeNodes(cluster *string) cobra.CompletionFunc {
	return func(_ *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
		c, err := Find(*cluster)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, n := range c.allNodes() {
			if strings.HasPrefix(n.Name(), begun) && !slices.Contains(given, n.Name()) {
				names = append(names, n.Name())
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func nodeList(cluster *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the nodes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := Find(*cluster)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tADDRESS\tPODS")
			for _, n := range c.allNodes() {
				component, err := c.nodeComponent(cmd.Context(), n)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Name(), component.State, n.Plan.Node(n.Number).Addr(), n.Plan.NodePods(n.Number))
			}
			return w.Flush()
		},
	}
}

func nodeAdd(cluster *string) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "add [COUNT]", Short: "Add nodes to a cluster that is up (1 unless COUNT says more)", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			count := 1
			if len(args) > 0 {
				var err error
				if count, err = strconv.Atoi(args[0]); err != nil {
					return fmt.Errorf("%q nodes to add: want a number", args[0])
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			names, err := AddNodes(ctx, *cluster, count, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s added\n", strings.Join(names, ", "))
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", DefaultTimeout, "how long it may take")
	return cmd
}

func nodeRemove(cluster *string) *cobra.Command {
	var how Removal
	cmd := onNodes(cluster, "remove", "Remove nodes and all that there is of them", func(ctx context.Context, out io.Writer, node string) (string, error) {
		return "removed", RemoveNode(ctx, *cluster, node, how, out)
	})
	cmd.Flags().BoolVar(&how.Drain, "drain", false, "evict the node's pods first, as kubectl drain does")
	cmd.Flags().DurationVar(&how.Timeout, "timeout", DefaultTimeout, "how long draining may take")
	return cmd
}

func nodeStop(cluster *string) *cobra.Command {
	var graceful bool
	cmd := onNodes(cluster, "stop", "Stop nodes, as a power cut does, until they are started", func(ctx context.Context, _ io.Writer, node string) (string, error) {
		ran, err := StopNode(ctx, *cluster, node, graceful)
		if !ran {
			return "was stopped already", err
		}
		return "stopped", err
	})
	cmd.Flags().BoolVar(&graceful, "graceful", false, "shut down: pods end within the shutdownGracePeriod of the nodes' KubeletConfiguration")
	return cmd
}

func nodeStart(cluster *string) *cobra.Command {
	return onNodes(cluster, "start", "Start nodes again, with their data", func(ctx context.Context, out io.Writer, node string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
		wasOff, err := StartNode(ctx, *cluster, node, out)
		if !wasOff {
			return "runs already", err
		}
		return "started", err
	})
}
