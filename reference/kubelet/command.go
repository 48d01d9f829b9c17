package kubelet

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/certificates"
	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
)

// Command is `etalon kubelet`.
func Command() *cobra.Command {
	o := Options{Version: Version}
	var kubeconfig, bootstrap, configFile string
	var verbosity int
	c := &cobra.Command{
		Use:   "kubelet",
		Short: "Run the node agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := setVerbosity(verbosity); err != nil {
				return err
			}
			if err := o.configure(cmd.Flags(), configFile); err != nil {
				return err
			}
			if err := o.complete(); err != nil {
				return err
			}
			server, err := o.connect(cmd.Context(), kubeconfig, bootstrap)
			if err != nil {
				return err
			}
			o.Config, o.Flags = talking(server, o.Kubelet), cmd.Flags()
			if err := openFiles(o.Kubelet.MaxOpenFiles); err != nil {
				return err
			}
			return Run(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server (required)")
	f.StringVar(&bootstrap, "bootstrap-kubeconfig", "", "how to reach the API server to get a certificate, as long as the kubeconfig does not exist, which is then written")
	f.StringVar(&o.CertDir, "cert-dir", "/var/lib/kubelet/pki", "directory for certificates that the agent gets for itself")
	f.StringVar(&configFile, "config", "", "a KubeletConfiguration (kubelet.config.k8s.io/v1beta1); flags that are given go before it")
	f.StringVar(&o.NodeName, "node-name", "", "name of this node (default: the machine's host name)")
	f.StringVar(&o.NodeIP, "node-ip", "", "address of this node (required)")
	f.StringVar(&o.PodCIDR, "pod-cidr", "", "address range of this node's pods")
	f.StringVar(&o.RootDir, "root-dir", "/var/lib/kubelet", "directory for volumes and other files of pods")
	f.StringVar(&o.PodLogsDir, "pod-logs-dir", "/var/log/pods", "directory for the containers' logs")
	f.StringVar(&o.RuntimeEndpoint, "container-runtime-endpoint", "unix:///run/containerd/containerd.sock", "the container runtime's socket")
	f.String("pod-manifest-path", "", "directory or file that describes static pods")
	f.StringToStringVar(&o.Registration.Labels, "node-labels", nil, "labels that the node gets when it is registered: key=value, separated by commas")
	f.StringSlice("register-with-taints", nil, "taints that the node gets when it is registered: key=value:effect, separated by commas")
	f.Bool("fail-swap-on", true, "do not start on a machine that swaps")
	f.Bool("register-node", true, "register the node with the API server")
	f.String("provider-id", "", "how the machine is known to the cloud that it belongs to")
	f.StringSlice("cluster-dns", nil, "address of the cluster's DNS")
	f.String("cluster-domain", "cluster.local", "the cluster's DNS domain")
	f.StringVar(&o.TLSCertFile, "tls-cert-file", "", "certificate of the agent's server (default: one that it requests or signs itself)")
	f.StringVar(&o.TLSPrivateKeyFile, "tls-private-key-file", "", "key of that certificate")
	f.StringVar(&o.ClientCAFile, "client-ca-file", "", "CA of the clients of the agent's server (required)")
	f.StringVar(&o.CredentialProviderConfig, "image-credential-provider-config", "", "a CredentialProviderConfig (kubelet.config.k8s.io/v1)")
	f.StringVar(&o.CredentialProviderDir, "image-credential-provider-bin-dir", "", "directory of the programs that it names")
	f.IntVar(&o.Port, "port", 10250, "port of the agent's server")
	f.IntVarP(&verbosity, "v", "v", 0, "how much to log")
	return c
}

// connect returns how to reach the API server: by the kubeconfig as it is or, with a bootstrap kubeconfig, by a certificate of
// the node's own.
func (o *Options) connect(ctx context.Context, kubeconfig, bootstrap string) (*rest.Config, error) {
	if bootstrap == "" {
		server, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
		return server, nil
	}
	if kubeconfig == "" {
		return nil, errors.New("--bootstrap-kubeconfig needs --kubeconfig, which is written")
	}
	return certificates.Client{NodeName: o.NodeName, Kubeconfig: kubeconfig, Bootstrap: bootstrap, Dir: o.CertDir, Rotate: o.Kubelet.RotateCertificates}.Config(ctx)
}

// Version is what the node reports as the agent's version. The build may set it.
var Version = "v1.37.2+etalon"

func setVerbosity(v int) error {
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	return flags.Set("v", fmt.Sprint(v))
}

// configure reads the configuration file, if there is one. Flags that were given go before it.
func (o *Options) configure(flags *pflag.FlagSet, file string) (err error) {
	o.Kubelet = config.Default()
	if file != "" {
		if o.Kubelet, err = config.Load(file); err != nil {
			return fmt.Errorf("--config: %w", err)
		}
	}
	o.fromFile(flags)
	if flags.Changed("cluster-dns") {
		if o.Kubelet.ClusterDNS, err = flags.GetStringSlice("cluster-dns"); err != nil {
			return err
		}
	}
	if err := o.configureNode(flags); err != nil {
		return err
	}
	if flags.Changed("pod-manifest-path") {
		if o.Kubelet.StaticPodPath, err = flags.GetString("pod-manifest-path"); err != nil {
			return err
		}
	}
	if flags.Changed("cluster-domain") {
		o.Kubelet.ClusterDomain, err = flags.GetString("cluster-domain")
	}
	return err
}

// configureNode reads what the Node object begins with.
func (o *Options) configureNode(flags *pflag.FlagSet) error {
	if flags.Changed("register-node") {
		given, err := flags.GetBool("register-node")
		if err != nil {
			return err
		}
		o.Kubelet.RegisterNode = &given
	}
	if flags.Changed("provider-id") {
		given, err := flags.GetString("provider-id")
		if err != nil {
			return err
		}
		o.Kubelet.ProviderID = given
	}
	if flags.Changed("register-with-taints") {
		given, err := flags.GetStringSlice("register-with-taints")
		if err != nil {
			return err
		}
		if o.Kubelet.RegisterWithTaints, err = node.ParseTaints(given); err != nil {
			return fmt.Errorf("--register-with-taints: %w", err)
		}
	}
	if flags.Changed("fail-swap-on") {
		given, err := flags.GetBool("fail-swap-on")
		if err != nil {
			return err
		}
		o.Kubelet.FailSwapOn = &given
	}
	o.Registration.ByOthers = !*o.Kubelet.RegisterNode
	o.Registration.ProviderID, o.Registration.Taints = o.Kubelet.ProviderID, o.Kubelet.RegisterWithTaints
	return nil
}

// complete fills in defaults and checks what cannot be guessed.
func (o *Options) complete() error {
	if o.NodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return err
		}
		o.NodeName = name
	}
	if net.ParseIP(o.NodeIP) == nil {
		return fmt.Errorf("--node-ip: %q is not an IP address", o.NodeIP)
	}
	for _, ip := range o.Kubelet.ClusterDNS {
		if net.ParseIP(ip) == nil {
			return fmt.Errorf("--cluster-dns: %q is not an IP address", ip)
		}
	}
	if err := node.CheckLabels(o.Registration.Labels); err != nil {
		return fmt.Errorf("--node-labels: %w", err)
	}
	for _, t := range o.Kubelet.RegisterWithTaints {
		if err := node.CheckTaint(t); err != nil {
			return fmt.Errorf("registerWithTaints: %w", err)
		}
	}
	if o.PodCIDR != "" {
		if _, _, err := net.ParseCIDR(o.PodCIDR); err != nil {
			return fmt.Errorf("--pod-cidr: %w", err)
		}
	}
	if (o.TLSCertFile == "") != (o.TLSPrivateKeyFile == "") {
		return errors.New("--tls-cert-file and --tls-private-key-file belong together")
	}
	if o.ClientCAFile == "" {
		return errors.New("--client-ca-file is required")
	}
	return nil
}
