// Package containerd runs containerd inside our own binary and writes its configuration for a node.
package containerd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"text/template"
)

// Places inside a node. All of /run is empty after a power cut, as it is on a machine.
const (
	// Socket is where containerd answers.
	Socket = "/run/containerd/containerd.sock"
	// IPAM is where the addresses of pods are kept.
	IPAM = "/run/cni/networks"
)

// Config is what differs from node to node and from machine to machine.
type Config struct {
	// Dir is where the configuration's files lie: certs.d and cni/conf. Programs has shim, runc and CNI plugins.
	Dir, Programs string
	// SandboxImage holds the namespaces of a pod.
	SandboxImage string
	Machine      Machine
}

// CertsDir is where registries are described, CNIDir where the pod network is.
func (c Config) CertsDir() string { return filepath.Join(c.Dir, "certs.d") }

// CNIDir is where the pods' network is described.
func (c Config) CNIDir() string { return filepath.Join(c.Dir, "cni") }

// Snapshotter is overlayfs, or where that cannot be, native, which copies.
func (c Config) Snapshotter() string {
	if c.Machine.Overlay {
		return "overlayfs"
	}
	return "native"
}

// Render returns config.toml.
func (c Config) Render() ([]byte, error) {
	var out bytes.Buffer
	err := configuration.Execute(&out, c)
	return out.Bytes(), err
}

// Nothing is read from or left in places that the machine's own containerd uses.
var configuration = template.Must(template.New("config.toml").Parse(`version = 4
root = '/var/lib/containerd'
state = '/run/containerd'
imports = []
disabled_plugins = [
  'io.containerd.nri.v1.nri', 'io.containerd.snapshotter.v1.erofs', 'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.devmapper', 'io.containerd.snapshotter.v1.zfs', 'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.differ.v1.erofs', 'io.containerd.mount-handler.v1.erofs', 'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp', 'io.containerd.image-verifier.v1.bindir', 'io.containerd.monitor.container.v1.restart',
]
[plugins.'io.containerd.server.v1.grpc']
  address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.server.v1.ttrpc']
  address = '/run/containerd/containerd.sock.ttrpc'
[plugins.'io.containerd.internal.v1.opt']
  path = '/var/lib/containerd/opt'
[plugins.'io.containerd.shim.v1.manager']
  socket_dir = '/run/containerd/s'
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = '127.0.0.1'
  stream_server_port = '0'
[plugins.'io.containerd.cri.v1.images']
  snapshotter = '{{.Snapshotter}}'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{{.SandboxImage}}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{{.CertsDir}}'
[plugins.'io.containerd.transfer.v1.local']
  config_path = '{{.CertsDir}}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = {{not .Machine.LowerOOMScore}}
  disable_apparmor = {{not .Machine.AppArmor}}
  disable_hugetlb_controller = {{not .Machine.HugeTLB}}
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  # The agent reads the control groups itself. By default containerd would ask every shim each second, for nobody.
  stats_collect_period = '1m'
  stats_retention_period = '5m'
  cdi_spec_dirs = ['/etc/cdi', '/run/cdi']
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      runtime_path = '{{.Programs}}/containerd-shim-runc-v2'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = '{{.Programs}}/runc'
        Root = '/run/containerd/runc'
        SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    use_internal_loopback = true
    bin_dirs = ['{{.Programs}}']
    conf_dir = '{{.CNIDir}}'
`))

// Hosts returns the hosts.toml that sends every pull to the one registry at url, whatever the image's
// name. There is no way past it: without it an image that is missing would be looked for on the Internet.
func Hosts(url, caFile string) []byte {
	return fmt.Appendf(nil, "server = %q\nca = %q\ncapabilities = [\"pull\", \"resolve\"]\n", url, caFile)
}

// Ports on which a node finds registries of its own, on 127.0.0.1 and without TLS: what containerd would do for any port, were it not
// that every other pull goes to the one registry.
const (
	FirstLocalRegistry = 5000
	LocalRegistries    = 32
)

// LocalHosts returns the hosts.toml of each registry of the node's own, by path below dir.
func LocalHosts(dir string) map[string][]byte {
	out := map[string][]byte{}
	for port := FirstLocalRegistry; port < FirstLocalRegistry+LocalRegistries; port++ {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			file := filepath.Join(dir, fmt.Sprintf("%s_%d_", host, port), "hosts.toml")
			out[file] = fmt.Appendf(nil, "server = \"http://%s:%d\"\n", host, port)
		}
	}
	return out
}
