package controllers

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"

	"github.com/etalon-dev/etalon/reference/controllers/attachdetach"
	"github.com/etalon-dev/etalon/reference/controllers/certificates"
	"github.com/etalon-dev/etalon/reference/controllers/hostpath"
	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
)

// Command is `etalon controllers`.
func Command() *cobra.Command {
	var kubeconfig, rootCAFile, keyFile, signingCert, signingKey string
	var signingDuration time.Duration
	o := Options{}
	cmd := &cobra.Command{
		Use:   "controllers --kubeconfig FILE --root-ca-file FILE",
		Short: "Run the controllers of a cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
				return fmt.Errorf("--kubeconfig: %w", err)
			}
			if rootCAFile != "" {
				if o.RootCA, err = os.ReadFile(rootCAFile); err != nil {
					return fmt.Errorf("--root-ca-file: %w", err)
				}
			}
			if keyFile != "" {
				key, err := keyutil.PrivateKeyFromFile(keyFile)
				if err != nil {
					return fmt.Errorf("--service-account-private-key-file: %w", err)
				}
				signer, ok := key.(crypto.Signer)
				if !ok {
					return fmt.Errorf("--service-account-private-key-file: a %T cannot sign", key)
				}
				o.ServiceAccountKey = signer
			}
			if (signingCert == "") != (signingKey == "") {
				return errors.New("--cluster-signing-cert-file and --cluster-signing-key-file come together")
			}
			if signingCert != "" {
				if o.ClusterSigning, err = certificates.LoadAuthority(signingCert, signingKey, signingDuration); err != nil {
					return fmt.Errorf("--cluster-signing-cert-file, --cluster-signing-key-file: %w", err)
				}
			}
			client, err := kubernetes.NewForConfig(o.Config)
			if err != nil {
				return fmt.Errorf("--kubeconfig: %w", err)
			}
			o.Provisioners = map[string]persistentvolume.Provisioner{hostpath.Name: hostpath.New(client)}
			return Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the API server (the pod's own access if empty)")
	flags.StringVar(&rootCAFile, "root-ca-file", "", "PEM certificates to publish as kube-root-ca.crt in every namespace")
	flags.StringVar(&keyFile, "service-account-private-key-file", "", "key that signs the tokens of Secrets of type kubernetes.io/service-account-token (none are made if empty)")
	flags.StringVar(&signingCert, "cluster-signing-cert-file", "", "certificate authority that signs CertificateSigningRequests (none are signed if empty)")
	flags.StringVar(&signingKey, "cluster-signing-key-file", "", "key of --cluster-signing-cert-file")
	flags.DurationVar(&signingDuration, "cluster-signing-duration", certificates.DefaultDuration, "the longest that a signed certificate is good for")
	flags.StringSliceVar(&o.Controllers, "controllers", []string{"*"}, "controllers to run: '*' for all, 'foo', '-foo' for all but foo")
	flags.BoolVar(&o.LeaderElect, "leader-elect", true, "work only while holding the Lease kube-system/"+leaseName)
	flags.StringVar(&o.Identity, "leader-elect-identity", "",
		"name in the Lease, of which only one process may live at a time; one that restarts under its old name need not wait (random if empty)")
	o.NodeLifecycle.AddFlags(flags)
	o.NodeIPAM.AddFlags(flags)
	flags.IntVar(&o.TerminatedPodGCThreshold, "terminated-pod-gc-threshold", podgc.DefaultThreshold,
		"how many finished pods to keep (negative: all)")
	o.HorizontalPodAutoscaler.AddFlags(flags)
	flags.DurationVar(&o.AttachDetach.SyncPeriod, "attach-detach-reconcile-sync-period", attachdetach.DefaultSyncPeriod,
		"how often a node with attached volumes is looked at although nothing has changed")
	flags.BoolVar(&o.AttachDetach.NoForcedDetach, "disable-force-detach-on-timeout", false,
		"never take volumes from nodes that are not healthy and do not unmount them, however long")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", "", "address to serve /healthz and /metrics at, e.g. 127.0.0.1:10257 (nowhere if empty)")
	return cmd
}
