package scheduler

import (
	"flag"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Command is `etalon scheduler`.
func Command() *cobra.Command {
	var kubeconfig string
	var o Options
	cmd := &cobra.Command{
		Use:   "scheduler --kubeconfig FILE",
		Short: "Place pods on nodes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("--kubeconfig %s: %w", kubeconfig, err)
			}
			o.Config = config
			return Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server (required)")
	f.StringVar(&o.SchedulerName, "scheduler-name", corev1.DefaultSchedulerName, "place the pods whose spec.schedulerName is this")
	f.BoolVar(&o.LeaderElect, "leader-elect", true, "work only while holding the Lease "+leaseNamespace+"/"+leaseName)
	f.Uint64Var(&o.Seed, "seed", 0, "make the choice among equal nodes repeatable; 0 for a random one")
	verbosity := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(verbosity)
	f.AddGoFlag(verbosity.Lookup("v"))
	if err := cmd.MarkFlagRequired("kubeconfig"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}
