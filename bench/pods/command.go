package pods

import (
	"os"

	"github.com/spf13/cobra"
)

// Command is `etalon bench pods`.
func Command() *cobra.Command {
	o := DefaultOptions()
	var file string
	c := &cobra.Command{
		Use:   "pods",
		Short: "How fast pods start beside the container runtime alone, and what a node costs at rest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Progress = cmd.ErrOrStderr()
			report, err := Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if file != "" {
				f, err := os.Create(file)
				if err != nil {
					return err
				}
				defer f.Close()
				if err := report.WriteJSON(f); err != nil {
					return err
				}
			}
			return report.Print(cmd.OutOrStdout())
		},
	}
	f := c.Flags()
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "how many pods are started one after another")
	f.IntVar(&o.AtOnce, "at-once", o.AtOnce, "how many pods are started at the same time")
	f.IntVar(&o.Full, "full", o.Full, "how many pods the node is filled with")
	f.DurationVar(&o.Rest, "rest", o.Rest, "how long to watch the node at rest")
	f.DurationVar(&o.Timeout, "timeout", o.Timeout, "how long each step may take")
	f.StringVar(&o.KubeletConfigFile, "kubelet-config", "", "a KubeletConfiguration for the node")
	f.StringVar(&file, "json", "", "write everything that was measured to this file")
	return c
}
