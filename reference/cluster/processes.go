package cluster

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/network"
)

const (
	controlPlaneFile  = "control-plane.json"
	controlPlaneState = "control-plane.state"
)

// etalon is a process that runs one command of our own program.
func (c *Cluster) etalon(name, log string, args ...string) spec.Process {
	return spec.Process{Name: name, Path: filepath.Join(c.Programs, "etalon"), Args: append([]string{name}, args...), Log: log}
}

// controlPlane lists the processes on the machine itself.
func (c *Cluster) controlPlane() []spec.Process {
	pki := func(name string) string { return c.path("pki", name) }
	log := func(name string) string { return c.path("logs", name+".log") }
	apiserver := []string{
		"--listen", c.localAddress(), "--listen", c.clusterAddress(), "--advertise-address", c.plan().Machine().Addr().String(),
		"--tls-cert-file", pki("apiserver.crt"), "--tls-private-key-file", pki("apiserver.key"), "--client-ca-file", pki("ca.crt"),
		"--service-account-key-file", pki("sa.key"), "--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
		"--token-auth-file", pki("tokens.csv"), "--kubelet-client-certificate", pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key", pki("apiserver-kubelet-client.key"), "--kubelet-certificate-authority", pki("ca.crt"),
		"--requestheader-client-ca-file", pki("front-proxy-ca.crt"), "--requestheader-allowed-names", frontProxyClient,
		"--requestheader-username-headers", "X-Remote-User", "--requestheader-uid-headers", "X-Remote-Uid",
		"--requestheader-group-headers", "X-Remote-Group", "--requestheader-extra-headers-prefix", "X-Remote-Extra-",
		"--proxy-client-cert-file", pki(frontProxyClient + ".crt"), "--proxy-client-key-file", pki(frontProxyClient + ".key"),
		"--enable-bootstrap-token-auth",
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
		"--service-cluster-ip-range", network.Services.String(), "--service-node-port-range", "30000-32767",
	}
	if len(c.EtcdServers) > 0 {
		for _, s := range c.EtcdServers {
			apiserver = append(apiserver, "--etcd-servers", s)
		}
	} else {
		apiserver = append(apiserver, "--etcd-dir", c.path("etcd"), "--fsync="+strconv.FormatBool(!c.NoFsync))
	}
	if c.AuditPolicyFile != "" {
		apiserver = append(apiserver, "--audit-policy-file", c.AuditPolicyFile, "--audit-log-path", log("audit"),
			"--audit-log-maxsize", "100", "--audit-log-maxbackup", "2")
	}
	list := []spec.Process{
		c.etalon("apiserver", log("apiserver"), apiserver...),
		c.etalon("registry", log("registry"), "--listen", c.registryAddress(), "--root", c.path("registry"),
			"--tls-cert-file", pki("registry.crt"), "--tls-private-key-file", pki("registry.key")),
	}
	if c.has("controllers") {
		own := []string{"--kubeconfig", c.path("kubeconfigs", "controllers"), "--root-ca-file", pki("ca.crt"),
			"--service-account-private-key-file", pki("sa.key"),
			"--cluster-signing-cert-file", pki("ca.crt"), "--cluster-signing-key-file", pki("ca.key")}
		list = append(list, c.etalon("controllers", log("controllers"), append(own, c.ControllersArgs...)...))
	}
	if c.has("scheduler") {
		list = append(list, c.etalon("scheduler", log("scheduler"), "--kubeconfig", c.path("kubeconfigs", "scheduler")))
	}
	return list
}

// startControlPlane starts the machine's supervisor, which outlives this process.
func (c *Cluster) startControlPlane() error {
	task := spec.Spec{Processes: c.controlPlane(), NoFile: 1 << 20, StateFile: c.path(controlPlaneState)}
	for i := range task.Processes {
		task.Processes[i].Env = node.Environment(c.Programs)
	}
	return c.supervise(controlPlaneFile, task)
}

// findControlPlane returns the machine's supervisor, or nil when it does not run.
func (c *Cluster) findControlPlane() (*process.Handle, error) {
	return process.Find(c.path(controlPlaneFile), c.ID)
}

// kubeletConfig is the nodes' KubeletConfiguration, in the data directory and in each node's.
const kubeletConfig = "kubelet.yaml"

// ownStaticPods tells whether the nodes' KubeletConfiguration says itself where static pods are described.
func (c *Cluster) ownStaticPods() bool {
	text, err := os.ReadFile(c.path(kubeletConfig))
	if err != nil {
		return false
	}
	given, err := config.Parse(text)
	return err == nil && given.StaticPodPath != ""
}

// saysOfSwap tells whether the nodes' KubeletConfiguration says itself if nodes may be on a machine that swaps.
func (c *Cluster) saysOfSwap() bool {
	text, err := os.ReadFile(c.path(kubeletConfig))
	if err != nil {
		return false
	}
	var given struct {
		FailSwapOn *bool `json:"failSwapOn"`
	}
	return yaml.Unmarshal(text, &given) == nil && given.FailSwapOn != nil
}

// poweringOff is how many seconds a kubelet has, besides what pods are given, to tell of its node's end.
const poweringOff = 10

// nodeProcesses lists the processes of a node; their paths are those inside it.
func (c *Cluster) nodeProcesses(n node.Node) []spec.Process {
	file := func(name string) string { return filepath.Join(n.Dir, name) }
	log := func(name string) string { return filepath.Join(n.Dir, "logs", name+".log") }
	list := []spec.Process{c.etalon("containerd", log("containerd"), "--config", file("containerd.toml"))}
	if c.has("proxy") {
		list = append(list, c.etalon("proxy", log("proxy"), "--kubeconfig", file("proxy.kubeconfig"), "--node-name", n.Name(),
			"--cluster-cidr", n.Plan.Pods().String()))
	}
	if c.has("kubelet") {
		agent := c.etalon("kubelet", log("kubelet"),
			"--kubeconfig", file("kubeconfig"), "--node-name", n.Name(), "--node-ip", n.Plan.Node(n.Number).Addr().String(),
			"--pod-cidr", n.Plan.NodePods(n.Number).String(), "--root-dir", "/var/lib/kubelet", "--pod-logs-dir", "/var/log/pods",
			"--container-runtime-endpoint", "unix://"+containerd.Socket,
			"--cluster-dns", network.DNSService.String(), "--cluster-domain", "cluster.local",
			"--tls-cert-file", file("kubelet.crt"), "--tls-private-key-file", file("kubelet.key"), "--client-ca-file", file("ca.crt"))
		if !c.ownStaticPods() {
			agent.Args = append(agent.Args, "--pod-manifest-path", node.Manifests)
		}
		var shutdown time.Duration
		if !c.saysOfSwap() {
			// Whether the machine swaps is not for its nodes to say.
			agent.Args = append(agent.Args, "--fail-swap-on=false")
		}
		if settings, err := config.Load(file(kubeletConfig)); err == nil {
			agent.Args = append(agent.Args, "--config", file(kubeletConfig))
			shutdown = config.ShutdownPeriod(settings)
		}
		// It is stopped first, by the signal that tells it that the node goes with it.
		agent.StopSignal, agent.StopSeconds = int(unix.SIGPWR), int(shutdown.Seconds())+poweringOff
		list = append(list, agent)
	}
	for i := range list {
		list[i].Env = node.Environment(c.Programs)
	}
	return list
}

// launch configures a node and starts it.
func (c *Cluster) launch(ctx context.Context, n node.Node) error {
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	cfg := containerd.Config{Dir: n.Dir, Programs: c.Programs, SandboxImage: images.Pause, Machine: containerd.Detect(n.Dir, groups)}
	configuration, err := cfg.Render()
	if err != nil {
		return err
	}
	pods, err := network.CNIConfig(n.Plan.NodePods(n.Number), containerd.IPAM)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		filepath.Join(n.Dir, "containerd.toml"):                 configuration,
		filepath.Join(cfg.CNIDir(), "10-etalon.conflist"):       append(pods, '\n'),
		filepath.Join(cfg.CertsDir(), "_default", "hosts.toml"): containerd.Hosts("https://"+c.registryAddress(), filepath.Join(n.Dir, "ca.crt")),
	}
	maps.Copy(files, containerd.LocalHosts(cfg.CertsDir()))
	if text, err := os.ReadFile(c.path(kubeletConfig)); err == nil {
		files[filepath.Join(n.Dir, kubeletConfig)] = text
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for file, content := range files {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return err
		}
	}
	n.Processes = c.nodeProcesses(n)
	return n.Launch(ctx)
}
