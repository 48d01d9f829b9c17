package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/reference/cluster/node"
)

var (
	machineLogs = []string{"apiserver", "controllers", "scheduler", "registry", "simulation", "supervisor"}
	nodeLogs    = []string{"kubelet", "containerd", "proxy", "init"}
)

func logsCommand() *cobra.Command {
	var name, onNode string
	var follow bool
	cmd := &cobra.Command{
		Use:       "logs COMPONENT",
		Short:     "Print the log of a component: " + strings.Join(machineLogs, ", ") + "; with --node: " + strings.Join(nodeLogs, ", "),
		Args:      cobra.ExactArgs(1),
		ValidArgs: append(slices.Clone(machineLogs), nodeLogs...),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := Find(name)
			if err != nil {
				return err
			}
			file, err := c.log(args[0], onNode)
			if err != nil {
				return err
			}
			return show(cmd.Context(), cmd.OutOrStdout(), file, follow)
		},
	}
	cmd.Flags().StringVar(&name, "name", DefaultName, "name of the cluster")
	cmd.Flags().StringVar(&onNode, "node", "", "the node whose component is meant (default the only one)")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing what is added")
	return cmd
}

// log returns the file of a component's log.
func (c *Cluster) log(component, onNode string) (string, error) {
	switch {
	case slices.Contains(machineLogs, component):
		if onNode != "" {
			return "", fmt.Errorf("%s runs on no node, but beside them: leave out --node", component)
		}
		return c.path("logs", component+".log"), nil
	case !slices.Contains(nodeLogs, component):
		return "", fmt.Errorf("no component %q; there are %s and, on nodes, %s", component, strings.Join(machineLogs, ", "), strings.Join(nodeLogs, ", "))
	case onNode == "" && c.Nodes > 1:
		return "", fmt.Errorf("which of %d nodes' %s? Say it by --node %s", c.Nodes, component, node.Name(1))
	case onNode == "":
		onNode = node.Name(1)
	}
	for _, n := range c.allNodes() {
		if n.Name() == onNode {
			return filepath.Join(n.Dir, "logs", component+".log"), nil
		}
	}
	_, err := c.member(onNode)
	return "", err
}

// show copies a file, and what is added to it until ctx ends.
func show(ctx context.Context, out io.Writer, file string, follow bool) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("no log yet: %w", err)
	}
	defer f.Close()
	for {
		if _, err := io.Copy(out, f); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}
