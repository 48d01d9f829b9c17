package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/network"
)

// Joining says how this machine becomes a node of a cluster that it knows nothing of but an address and a token.
type Joining struct {
	// Server is host:port of the API server, Token a bootstrap token of the cluster.
	Server, Token string
	// Hashes are those of the cluster's authority, any of which has to match; without one, UnsafeSkipHash must be set, and who can
	// pose as the API server and knows the token can pose as the cluster.
	Hashes         []string
	UnsafeSkipHash bool
	NodeName       string
	NodeIP         netip.Addr
	PodCIDR        netip.Prefix
	// KubeletConfig is a KubeletConfiguration; without one certificates are rotated and all else is as documented.
	KubeletConfig string
	// Dir is for all that is written, an absolute path; Registry the URL of a registry that all images come from, optional.
	Dir, Registry string
	// Programs is the directory of etalon and its helpers.
	Programs string
	Timeout  time.Duration
}

// Discover returns the cluster's address and authority as it publishes them, once both are proved to be those of the cluster that
// the token and the hashes mean (docs: reference/setup-tools/kubeadm/kubeadm-join#discovering-what-cluster-ca-to-trust).
func (j Joining) Discover(ctx context.Context) (*clientcmdapi.Cluster, error) {
	id, secret, err := bootstraptoken.Split(j.Token)
	if err != nil {
		return nil, err
	}
	if len(j.Hashes) == 0 && !j.UnsafeSkipHash {
		return nil, errors.New("say which cluster is meant by --discovery-token-ca-cert-hash, or --discovery-token-unsafe-skip-ca-verification")
	}
	server := "https://" + j.Server
	// Whoever answers is not known yet: what counts is the signature of what it says.
	text, signature, err := info(ctx, &rest.Config{Host: server, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, Timeout: 10 * time.Second}, id)
	if err != nil {
		return nil, err
	}
	if !bootstraptoken.Verify(signature, text, id, secret) {
		return nil, fmt.Errorf("what %s says of the cluster is not signed by this token: it is another cluster's, or an impostor answers", j.Server)
	}
	config, err := clientcmd.Load([]byte(text))
	if err != nil {
		return nil, err
	}
	if len(config.Clusters) != 1 {
		return nil, fmt.Errorf("%s describes %d clusters, want 1", j.Server, len(config.Clusters))
	}
	var found *clientcmdapi.Cluster
	for _, found = range config.Clusters {
	}
	hashes, err := keyHashes(found.CertificateAuthorityData)
	if err != nil {
		return nil, err
	}
	if !j.UnsafeSkipHash && !slices.ContainsFunc(hashes, func(h string) bool { return slices.Contains(j.Hashes, h) }) {
		return nil, fmt.Errorf("the authority of the cluster at %s has the hash %s, not %v", j.Server, hashes[0], j.Hashes)
	}
	// Now the server itself has to show that it belongs to that authority.
	again, _, err := info(ctx, &rest.Config{Host: server, TLSClientConfig: rest.TLSClientConfig{CAData: found.CertificateAuthorityData}, Timeout: 10 * time.Second}, id)
	if err != nil {
		return nil, err
	}
	if again != text {
		return nil, fmt.Errorf("%s describes the cluster otherwise when it proves who it is", j.Server)
	}
	return found, nil
}

// info reads what the cluster publishes, and waits for the token's signature of it.
func info(ctx context.Context, config *rest.Config, id string) (text, signature string, err error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", "", err
	}
	get := func(ctx context.Context) error {
		m, err := client.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, bootstraptoken.ClusterInfo, metav1.GetOptions{})
		if err != nil {
			return err
		}
		text, signature = m.Data[bootstraptoken.KeyKubeconfig], m.Data[bootstraptoken.SignaturePrefix+id]
		if signature == "" {
			return errNotYet(fmt.Sprintf("the cluster does not know the token %s", id))
		}
		return nil
	}
	return text, signature, until(ctx, get, func() error { return nil })
}

// Join makes this machine a node: it discovers the cluster, writes what containerd and the kubelet need, and becomes their
// supervisor, so that it returns only with an error. On SIGTERM the supervisor shuts the node down.
func (j Joining) Join(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("joining a cluster needs root (try sudo)")
	}
	file := filepath.Join(j.Dir, "init.json")
	// A node that has its certificate needs the token no more, which may have expired.
	if !exists(filepath.Join(j.Dir, "kubeconfig")) || !exists(file) {
		discovery, cancel := context.WithTimeout(ctx, j.Timeout)
		defer cancel()
		cluster, err := j.Discover(discovery)
		if err != nil {
			return err
		}
		task, err := j.prepare(cluster)
		if err != nil {
			return err
		}
		if err := spec.Save(file, task); err != nil {
			return err
		}
	}
	init := filepath.Join(j.Programs, process.Init)
	return fmt.Errorf("%s: %w", init, syscall.Exec(init, []string{init, file, uuid.NewString()}, node.Environment(j.Programs)))
}

// prepare writes all files and returns what to run.
func (j Joining) prepare(cluster *clientcmdapi.Cluster) (*spec.Spec, error) {
	file := func(name string) string { return filepath.Join(j.Dir, name) }
	groups, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	cfg := containerd.Config{Dir: j.Dir, Programs: j.Programs, SandboxImage: images.Pause, Machine: containerd.Detect(j.Dir, groups)}
	runtime, err := cfg.Render()
	if err != nil {
		return nil, err
	}
	pods, err := network.CNIConfig(j.PodCIDR, containerd.IPAM)
	if err != nil {
		return nil, err
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["etalon"] = cluster
	kubeconfig.AuthInfos["bootstrap"] = &clientcmdapi.AuthInfo{Token: j.Token}
	kubeconfig.Contexts["bootstrap"] = &clientcmdapi.Context{Cluster: "etalon", AuthInfo: "bootstrap"}
	kubeconfig.CurrentContext = "bootstrap"
	bootstrap, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return nil, err
	}
	settings := []byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: true\n")
	if j.KubeletConfig != "" {
		if settings, err = os.ReadFile(j.KubeletConfig); err != nil {
			return nil, fmt.Errorf("kubelet configuration: %w", err)
		}
	}
	given, err := config.Parse(settings)
	if err != nil {
		return nil, fmt.Errorf("kubelet configuration: %w", err)
	}
	files := map[string][]byte{
		file("containerd.toml"): runtime, filepath.Join(cfg.CNIDir(), "10-etalon.conflist"): append(pods, '\n'),
		file("ca.crt"): cluster.CertificateAuthorityData, file("bootstrap.kubeconfig"): bootstrap,
		file(kubeletConfig): settings,
	}
	if j.Registry != "" {
		files[filepath.Join(cfg.CertsDir(), "_default", "hosts.toml")] = containerd.Hosts(j.Registry, file("ca.crt"))
		maps.Copy(files, containerd.LocalHosts(cfg.CertsDir()))
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(file("logs"), 0o700); err != nil {
		return nil, err
	}
	etalon := filepath.Join(j.Programs, "etalon")
	kubelet := spec.Process{Name: "kubelet", Path: etalon, Log: filepath.Join(j.Dir, "logs", "kubelet.log"), StopSignal: int(syscall.SIGPWR), StopSeconds: int(config.ShutdownPeriod(given).Seconds()) + poweringOff,
		Args: []string{"kubelet", "--bootstrap-kubeconfig", file("bootstrap.kubeconfig"), "--kubeconfig", file("kubeconfig"), "--cert-dir", file("pki"),
			"--config", file(kubeletConfig), "--client-ca-file", file("ca.crt"), "--node-name", j.NodeName, "--node-ip", j.NodeIP.String(),
			"--pod-cidr", j.PodCIDR.String(), "--container-runtime-endpoint", "unix://" + containerd.Socket, "--cluster-dns", network.DNSService.String()}}
	return &spec.Spec{NoFile: 1 << 20, StateFile: file("state.json"), Processes: []spec.Process{
		{Name: "containerd", Path: etalon, Args: []string{"containerd", "--config", file("containerd.toml")}, Log: filepath.Join(j.Dir, "logs", "containerd.log")},
		kubelet,
	}}, nil
}

// ownAddress is the address by which this machine reaches the server.
func ownAddress(server string) (netip.Addr, error) {
	connection, err := net.Dial("udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer connection.Close()
	address, err := netip.ParseAddrPort(connection.LocalAddr().String())
	return address.Addr(), err
}
