// Package server wires the API server: k8s.io/apiserver's machinery, the built-in resources, custom
// resources and aggregation, on etcd.
package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/etalon-dev/etalon/reference/auth/authentication"
)

// Options configure an API server. Every file is PEM unless it says otherwise.
type Options struct {
	// Listen are the host:port addresses that serve the API over TLS. Port 0 chooses one.
	Listen []string
	// AdvertiseAddress is the address in the endpoints of the Service default/kubernetes: where pods
	// reach this server. Empty: the host of the first listen address.
	AdvertiseAddress string

	// EtcdDir is where the embedded etcd keeps its data. Unused with Etcd servers.
	EtcdDir string
	// Fsync makes the embedded etcd wait for the disk before it acknowledges a write.
	Fsync bool
	// Etcd is an external etcd cluster, if it names servers.
	Etcd storagebackend.TransportConfig

	// CertFile and KeyFile are the serving certificate and its key.
	CertFile, KeyFile string
	// Authentication says by what clients are known.
	Authentication authentication.Options
	// ProxyClientCertFile and ProxyClientKeyFile identify this server to extension servers, as a front
	// proxy that may name the user. Optional.
	ProxyClientCertFile, ProxyClientKeyFile string

	// Audit says which requests are written down where; none without a policy file.
	Audit *options.AuditOptions
	// EncryptionConfigFile is an EncryptionConfiguration: which resources are encrypted in etcd, and how.
	// Optional. With EncryptionReload it is read again when it changes.
	EncryptionConfigFile string
	EncryptionReload     bool

	// KubeletCertFile and KubeletKeyFile identify this server to kubelets, KubeletCAFile checks theirs.
	// Optional: without them logs, exec, attach, port-forward and node proxy do not work.
	KubeletCertFile, KubeletKeyFile, KubeletCAFile string

	// Authorization chooses the authorizers.
	Authorization Authorization

	// Admission chooses the admission plugins.
	Admission Admission

	// ServiceCIDR is the range of cluster IPs; a second one, of the other family and after a comma,
	// makes the cluster dual-stack.
	ServiceCIDR string
	// NodePortRange is "min-max", both included.
	NodePortRange string
}

// DefaultOptions are the defaults of `etalon apiserver`.
func DefaultOptions() Options {
	return Options{
		Listen:         []string{"127.0.0.1:6443"},
		EtcdDir:        "etcd",
		Fsync:          true,
		Audit:          options.NewAuditOptions(),
		Authentication: authentication.Default(),
		ServiceCIDR:    "10.96.0.0/12",
		NodePortRange:  "30000-32767",
	}
}

// serviceRanges parses ServiceCIDR.
func (o Options) serviceRanges() ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	for text := range strings.SplitSeq(o.ServiceCIDR, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
		ranges = append(ranges, prefix.Masked())
	}
	if len(ranges) > 2 {
		return nil, errors.New("--service-cluster-ip-range must not contain more than two entries")
	}
	if len(ranges) == 2 && ranges[0].Addr().Is4() == ranges[1].Addr().Is4() {
		return nil, errors.New("--service-cluster-ip-range: two ranges must be of different IP families")
	}
	return ranges, nil
}

// nodePorts parses NodePortRange.
func (o Options) nodePorts() (low, high int, err error) {
	if n, scanErr := fmt.Sscanf(o.NodePortRange, "%d-%d", &low, &high); n != 2 || scanErr != nil || low < 1 || high > 65535 || low > high {
		return 0, 0, fmt.Errorf("--service-node-port-range: %q is not a range like 30000-32767", o.NodePortRange)
	}
	return low, high, nil
}

// validate names the flag that is missing.
func (o Options) validate() error {
	for flag, value := range map[string]string{
		"--tls-cert-file": o.CertFile, "--tls-private-key-file": o.KeyFile,
	} {
		if value == "" {
			return fmt.Errorf("%s is required", flag)
		}
	}
	if len(o.Listen) == 0 {
		return fmt.Errorf("--listen is required")
	}
	if (o.ProxyClientCertFile == "") != (o.ProxyClientKeyFile == "") {
		return fmt.Errorf("--proxy-client-cert-file and --proxy-client-key-file come together")
	}
	if o.EncryptionReload && o.EncryptionConfigFile == "" {
		return fmt.Errorf("--encryption-provider-config-automatic-reload must be set with --encryption-provider-config")
	}
	return errors.Join(append(o.Audit.Validate(), o.Authentication.Validate())...)
}
