package api

import (
	"os"

	"github.com/spf13/cobra"
)

// Command is `etalon bench api`.
func Command() *cobra.Command {
	o := DefaultOptions()
	var file string
	c := &cobra.Command{
		Use:   "api",
		Short: "Writes, lists, watches and starts of the API server, beside a bare server on the same etcd",
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
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "how often each workload is measured on each server")
	f.IntVar(&o.Clients, "clients", o.Clients, "clients that write at the same time")
	f.IntVar(&o.Writes, "writes", o.Writes, "pods that each round creates, updates and binds")
	f.IntVar(&o.ListSize, "list-size", o.ListSize, "pods in a list")
	f.IntVar(&o.Lists, "lists", o.Lists, "lists in a round")
	f.IntSliceVar(&o.Watchers, "watchers", o.Watchers, "numbers of watchers that events fan out to")
	f.IntVar(&o.Deliveries, "deliveries", o.Deliveries, "events that reach watchers in a round, all watchers together")
	f.IntVar(&o.Starts, "starts", o.Starts, "starts of each server on an empty disk")
	f.StringSliceVar(&o.Encodings, "encodings", o.Encodings, "json, protobuf or both")
	f.BoolVar(&o.Fsync, "fsync", o.Fsync, "make etcd wait for the disk in all workloads, not only at the start")
	f.StringVar(&file, "json", "", "write every sample to this file")
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
