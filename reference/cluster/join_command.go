package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// nodeJoin makes the machine it runs on a node of a cluster elsewhere.
func nodeJoin() *cobra.Command {
	var j Joining
	var nodeIP, podCIDR string
	cmd := &cobra.Command{
		Use: "join SERVER", Short: "Run this machine as a node of the cluster whose API server is at SERVER (host:port)", Args: cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Run this machine as a node of another machine's cluster, until SIGTERM.

"etalon token create --print-join-command" prints on that machine what to type on this one. The node gets its certificate
by the token; it runs containerd and the kubelet. That pods reach each other across machines, and the service proxy
("etalon proxy"), are left to what joins the machines' networks.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			j.Server = args[0]
			if j.NodeName == "" {
				if j.NodeName, err = os.Hostname(); err != nil {
					return err
				}
			}
			if nodeIP == "" {
				if j.NodeIP, err = ownAddress(j.Server); err != nil {
					return fmt.Errorf("address of this machine: %w", err)
				}
			} else if j.NodeIP, err = netip.ParseAddr(nodeIP); err != nil {
				return fmt.Errorf("--node-ip: %w", err)
			}
			if j.PodCIDR, err = netip.ParsePrefix(podCIDR); err != nil {
				return fmt.Errorf("--pod-cidr: %w", err)
			}
			if j.Dir, err = filepath.Abs(j.Dir); err != nil {
				return err
			}
			if j.Programs, err = programs(); err != nil {
				return err
			}
			if err := os.MkdirAll(j.Dir, 0o700); err != nil {
				return err
			}
			return j.Join(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&j.Token, "token", "", "bootstrap token of the cluster")
	f.StringSliceVar(&j.Hashes, "discovery-token-ca-cert-hash", nil, "hash of the public key of the cluster's authority, sha256:HEX")
	f.BoolVar(&j.UnsafeSkipHash, "discovery-token-unsafe-skip-ca-verification", false, "trust whoever knows the token to be the cluster")
	f.StringVar(&j.NodeName, "node-name", "", "name of the node (default: the machine's host name)")
	f.StringVar(&nodeIP, "node-ip", "", "address of the node (default: the one by which it reaches SERVER)")
	f.StringVar(&podCIDR, "pod-cidr", "10.200.0.0/24", "address range of the node's pods; no other node may have it")
	f.StringVar(&j.KubeletConfig, "kubelet-config", "", "a KubeletConfiguration (default: one that rotates certificates)")
	f.StringVar(&j.Dir, "dir", "/var/lib/etalon-node", "directory for the node's configuration and certificates")
	f.StringVar(&j.Registry, "registry-mirror", "", "URL of a registry that all images come from")
	f.DurationVar(&j.Timeout, "timeout", DefaultTimeout, "how long finding the cluster may take")
	return cmd
}
