// Package apiserver is the reference API server: every request of every component comes through it,
// and it alone talks to etcd.
package apiserver

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/reference/admission"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// Options configure an API server.
type Options = server.Options

// Run serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	s, err := server.New(ctx, o)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// Command is `etalon apiserver`.
func Command() *cobra.Command {
	o := server.DefaultOptions()
	c := &cobra.Command{
		Use:   "apiserver",
		Short: "Run an API server on embedded or external etcd",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer relaxGC()()
			return Run(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Listen, "listen", o.Listen, "host:port to serve on; may be repeated")
	f.StringVar(&o.AdvertiseAddress, "advertise-address", "", "IP address at which pods reach this server (default: the first --listen host)")
	f.StringVar(&o.EtcdDir, "etcd-dir", o.EtcdDir, "data directory of the embedded etcd")
	f.BoolVar(&o.Fsync, "fsync", o.Fsync, "make the embedded etcd wait for the disk before it acknowledges a write")
	f.StringSliceVar(&o.Etcd.ServerList, "etcd-servers", nil, "use this etcd cluster instead of the embedded one")
	f.StringVar(&o.Etcd.CertFile, "etcd-certfile", "", "client certificate for --etcd-servers")
	f.StringVar(&o.Etcd.KeyFile, "etcd-keyfile", "", "key of --etcd-certfile")
	f.StringVar(&o.Etcd.TrustedCAFile, "etcd-cafile", "", "CA of --etcd-servers")
	f.StringVar(&o.CertFile, "tls-cert-file", "", "serving certificate")
	f.StringVar(&o.KeyFile, "tls-private-key-file", "", "key of --tls-cert-file")
	o.Authentication.AddFlags(f)
	o.Audit.AddFlags(f)
	f.StringVar(&o.EncryptionConfigFile, "encryption-provider-config", "", "EncryptionConfiguration file: which resources are encrypted in etcd, and how")
	f.BoolVar(&o.EncryptionReload, "encryption-provider-config-automatic-reload", false, "read --encryption-provider-config again when it changes")
	o.Authorization.AddFlags(f)
	f.StringVar(&o.ProxyClientCertFile, "proxy-client-cert-file", "", "client certificate for extension servers, which lets this server name the user")
	f.StringVar(&o.ProxyClientKeyFile, "proxy-client-key-file", "", "key of --proxy-client-cert-file")
	f.StringVar(&o.KubeletCertFile, "kubelet-client-certificate", "", "client certificate for kubelets")
	f.StringVar(&o.KubeletKeyFile, "kubelet-client-key", "", "key of --kubelet-client-certificate")
	f.StringVar(&o.KubeletCAFile, "kubelet-certificate-authority", "", "CA of the kubelets' serving certificates")
	f.StringSliceVar(&o.Admission.Enable, "enable-admission-plugins", nil, "admission plugins to run in addition to the default ones: "+
		strings.Join(slices.Sorted(slices.Values(admission.Order())), ", "))
	f.StringSliceVar(&o.Admission.Disable, "disable-admission-plugins", nil, "default admission plugins that shall not run")
	f.StringVar(&o.Admission.ConfigFile, "admission-control-config-file", "", "AdmissionConfiguration with the configuration of admission plugins")
	f.StringVar(&o.ServiceCIDR, "service-cluster-ip-range", o.ServiceCIDR, "range of cluster IPs; two of different families, comma-separated, make the cluster dual-stack")
	f.StringVar(&o.NodePortRange, "service-node-port-range", o.NodePortRange, "range of node ports, both ends included")
	return c
}
