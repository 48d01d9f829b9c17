package proxy

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Command is `etalon proxy`.
func Command() *cobra.Command {
	var kubeconfig, clusterCIDR string
	var cleanup bool
	var o Options
	cmd := &cobra.Command{
		Use:   "proxy --kubeconfig FILE --node-name NAME | --cleanup",
		Short: "Make Services reachable on a node",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cleanup {
				return Cleanup(cmd.Context(), o.IPTables)
			}
			if kubeconfig == "" || o.NodeName == "" {
				return errors.New("--kubeconfig and --node-name are required")
			}
			if clusterCIDR != "" {
				prefix, err := netip.ParsePrefix(clusterCIDR)
				if err != nil || !prefix.Addr().Is4() {
					return fmt.Errorf("--cluster-cidr %q: want an IPv4 range such as 10.244.0.0/16", clusterCIDR)
				}
				o.ClusterCIDR = prefix
			}
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
	f.StringVar(&o.NodeName, "node-name", "", "the node that is served (required)")
	f.StringVar(&clusterCIDR, "cluster-cidr", "", "the range of all pods; traffic to cluster IPs from elsewhere is masqueraded")
	f.StringVar(&o.IPTables, "iptables", "", "variant of iptables, legacy or nft; default: the one in use")
	f.BoolVar(&cleanup, "cleanup", false, "remove the rules of a proxy and exit")
	verbosity := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(verbosity)
	f.AddGoFlag(verbosity.Lookup("v"))
	return cmd
}
