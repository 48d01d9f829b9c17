package controllers

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Command is `etalon bench controllers`.
func Command() *cobra.Command {
	o := DefaultOptions()
	var file string
	c := &cobra.Command{
		Use:   "controllers",
		Short: "What workloads cost: time and requests beside those that are needed, and the cost of rest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Progress = cmd.ErrOrStderr()
			report, err := Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if file != "" {
				if err := save(report, file); err != nil {
					return err
				}
			}
			return report.Print(cmd.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Kinds, "kind", nil, "kinds to measure, one after another: "+strings.Join(kindNames(), ", ")+" (default all)")
	f.IntVar(&o.Objects, "objects", o.Objects, "how many of each kind")
	f.IntVar(&o.Replicas, "replicas", o.Replicas, "pods of each; a CronJob has one")
	f.IntVar(&o.More, "more", o.More, "how many replicas each is scaled up by")
	f.IntVar(&o.Nodes, "nodes", o.Nodes, "how many simulated nodes")
	f.IntVar(&o.Clients, "clients", o.Clients, "clients that make changes at the same time")
	f.DurationVar(&o.Rest, "rest", o.Rest, "how long to watch the cluster at rest with the objects of each kind")
	f.DurationVar(&o.Timeout, "timeout", o.Timeout, "how long each change may take")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "measure this cluster in place of one that is brought up for it")
	f.StringVar(&o.AuditLog, "audit-log", "", "audit log of that cluster's API server")
	f.StringVar(&file, "json", "", "write everything that was counted to this file")
	return c
}

func save(r *Report, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := r.WriteJSON(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
