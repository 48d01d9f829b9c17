// Package bench measures the hot paths of the reference cluster, each beside something else that is
// measured in the same run: a figure without a comparison says more about the machine than about us.
package bench

import (
	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/bench/api"
	"github.com/etalon-dev/etalon/bench/ceiling"
	"github.com/etalon-dev/etalon/bench/controllers"
	"github.com/etalon-dev/etalon/bench/pods"
)

// Command is `etalon bench`.
func Command() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure the hot paths of the reference cluster"}
	c.AddCommand(api.Command(), ceiling.Command(), controllers.Command(), pods.Command())
	return c
}
