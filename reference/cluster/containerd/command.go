package containerd

import (
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/spf13/cobra"

	// The plugins of a complete containerd: snapshotters, CRI, the runtime.
	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
)

// Command is `etalon containerd`: the daemon itself, with its own flags.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:                "containerd --config FILE",
		Short:              "Run the container runtime of a node",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			programs := filepath.Dir(self)
			go removeLeftovers(cmd.Context(), survey(programs), programs)
			return command.App().Run(cmd.Context(), append([]string{"containerd"}, args...))
		},
	}
}
