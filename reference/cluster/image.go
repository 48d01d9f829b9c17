package cluster

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/registry"
)

func imageCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "image", Short: "List, load and export the images that a cluster's nodes can pull"}
	cmd.PersistentFlags().StringVar(&name, "name", DefaultName, "name of the cluster")
	store := func() (*registry.Store, error) {
		c, err := Find(name)
		if err != nil {
			return nil, err
		}
		return registry.Open(c.path("registry"))
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the images", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				s, err := store()
				if err != nil {
					return err
				}
				names, err := s.Names()
				for _, n := range names {
					fmt.Fprintln(cmd.OutOrStdout(), n)
				}
				return err
			},
		},
		&cobra.Command{
			Use: "load FILE.tar", Short: "Add the images of an archive, as `docker save` writes it", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := store()
				if err != nil {
					return err
				}
				names, err := s.Load(args[0])
				for _, n := range names {
					fmt.Fprintln(cmd.OutOrStdout(), "Loaded", n)
				}
				return err
			},
		},
		exportCommand(),
	)
	return cmd
}

// exportCommand needs no cluster: it writes what every cluster of ours starts with, for clusters that are not.
func exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export FILE.tar", Short: "Write the suite's own images to an archive, to load them elsewhere", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := programs()
			if err != nil {
				return err
			}
			made, err := images.All(dir)
			if err != nil {
				return err
			}
			if err := registry.Write(args[0], made); err != nil {
				return err
			}
			for _, i := range made {
				fmt.Fprintln(cmd.OutOrStdout(), "Exported", i.Name)
			}
			return nil
		},
	}
}
