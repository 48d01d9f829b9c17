package ceiling

import "github.com/spf13/cobra"

// Command is `etalon bench ceiling`: the bare server as a process of its own, which `etalon bench api` starts.
func Command() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "ceiling", Short: "Run a bare server of pods", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return Run(cmd.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:0", "host:port to serve on")
	f.StringVar(&o.EtcdDir, "etcd-dir", "", "data directory of etcd")
	f.BoolVar(&o.Fsync, "fsync", true, "wait for the disk before a write is acknowledged")
	f.StringVar(&o.CertFile, "tls-cert-file", "", "serving certificate")
	f.StringVar(&o.KeyFile, "tls-private-key-file", "", "key of --tls-cert-file")
	f.StringVar(&o.TokenFile, "token-file", "", "file with the bearer token that is let in")
	return c
}
