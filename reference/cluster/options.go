// Package cluster brings the reference cluster up and down on this machine: its certificates, its
// network, its control plane, and nodes that are namespaces of this machine. It starts processes and
// waits for them; what they do is theirs.
package cluster

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/network"
	"github.com/etalon-dev/etalon/reference/simulation"
)

const (
	// DefaultName is the name of a cluster that is given none.
	DefaultName = "etalon"
	// DataRoot holds the data directories of clusters that are given none.
	DataRoot = "/var/lib/etalon"
	// DefaultTimeout is how long Up may take.
	DefaultTimeout = 2 * time.Minute

	// The path of a Unix socket below the data directory must fit into 107 bytes.
	longestDataDir = 80
	defaultPort    = 6443
)

// Parts are those that a cluster can be brought up without, to put another in their place.
var Parts = []string{"controllers", "scheduler", "kubelet", "proxy"}

// Options say what cluster to bring up. The zero value is a cluster of one node with the name "etalon".
type Options struct {
	// Name tells clusters on one machine apart; a DNS label.
	Name string
	// Nodes is how many there are, 1 to 200. 0 means as many as the cluster has already, or 1.
	Nodes int
	// NoNodes makes a control plane alone, for those who only want the API and its controllers. With it Nodes is 0.
	NoNodes bool
	// SimulatedNodes is how many nodes without containers there are beside these. 0 means as many as the cluster has already.
	SimulatedNodes int
	// Simulate are settings of their simulator, flags of `etalon simulate` without the dashes, as "ready-after=1s-3s".
	Simulate []string
	// DataDir is the cluster's own directory; empty means /var/lib/etalon/NAME.
	DataDir string
	// EtcdServers are used in place of the embedded etcd.
	EtcdServers []string
	// NoFsync lets etcd acknowledge what a power cut of the machine would lose.
	NoFsync bool
	// AuditPolicyFile makes the API server keep an audit log by this policy, in logs/audit.log. Optional.
	AuditPolicyFile string
	// ControllersArgs are given to `etalon controllers` besides its own, such as "--node-monitor-grace-period=10s".
	ControllersArgs []string
	// KubeletConfigFile is a KubeletConfiguration for every node. Optional.
	KubeletConfigFile string
	// Port of the API server, on 127.0.0.1 and on the cluster's network. 0 means 6443, or the next free one.
	Port int
	// Without names Parts that are not started.
	Without []string
	// Timeout for everything; 0 means two minutes.
	Timeout time.Duration
	// Keep leaves a cluster that did not come up as it is, for inspection.
	Keep bool
	// Programs is the directory of etalon and its helpers; empty means that of the running program.
	Programs string
	// Progress is told of each step; nil for silence.
	Progress io.Writer
}

// complete fills in defaults and returns what is wrong with the options, in one line.
func (o Options) complete() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if err := checkName(o.Name); err != nil {
		return o, err
	}
	if o.Nodes < 0 || o.Nodes > network.MaxNodes {
		return o, fmt.Errorf("%d nodes: a cluster has 1 to %d, or 0 for a control plane alone", o.Nodes, network.MaxNodes)
	}
	if o.NoNodes && o.Nodes > 0 {
		return o, fmt.Errorf("%d nodes and none at the same time", o.Nodes)
	}
	if o.SimulatedNodes < 0 {
		return o, fmt.Errorf("%d simulated nodes: want 0 or more", o.SimulatedNodes)
	}
	if err := simulation.CheckFlags(o.Simulate); err != nil {
		return o, fmt.Errorf("--simulate: %w", err)
	}
	if o.Port < 0 || o.Port > 65535 {
		return o, fmt.Errorf("port %d: want 1 to 65535", o.Port)
	}
	for _, part := range o.Without {
		if !slices.Contains(Parts, part) {
			return o, fmt.Errorf("there is no part %q to leave out; there are %s", part, strings.Join(Parts, ", "))
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	var err error
	if o.AuditPolicyFile != "" {
		if o.AuditPolicyFile, err = filepath.Abs(o.AuditPolicyFile); err != nil {
			return o, err
		}
		if _, err := os.Stat(o.AuditPolicyFile); err != nil {
			return o, fmt.Errorf("audit policy: %w", err)
		}
	}
	if o.KubeletConfigFile != "" {
		if o.KubeletConfigFile, err = filepath.Abs(o.KubeletConfigFile); err != nil {
			return o, err
		}
		if _, err := config.Load(o.KubeletConfigFile); err != nil {
			return o, fmt.Errorf("kubelet configuration: %w", err)
		}
	}
	if o.DataDir, err = dataDir(o.Name, o.DataDir); err != nil {
		return o, err
	}
	if o.Programs == "" {
		o.Programs, err = programs()
	}
	return o, err
}

func checkName(name string) error {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return fmt.Errorf("cluster name %q: want a DNS label: at most 63 lower-case letters, digits and '-', with no '-' at either end", name)
	}
	return nil
}

// dataDir returns the absolute path of a cluster's directory, free of symbolic links, as nodes see it under the same path.
func dataDir(name, given string) (string, error) {
	if given == "" {
		given = filepath.Join(DataRoot, name)
	}
	dir, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	dir = resolve(dir)
	for _, taken := range []string{"/run", "/proc", "/sys", "/dev", "/usr", "/etc", "/bin", "/sbin", "/lib"} {
		if dir == taken || strings.HasPrefix(dir, taken+"/") {
			return "", fmt.Errorf("data directory %s: it cannot lie in %s, which nodes see differently", dir, taken)
		}
	}
	if dir == "/" || len(dir) > longestDataDir {
		return "", fmt.Errorf("data directory %s: want a path of at most %d characters", dir, longestDataDir)
	}
	return dir, nil
}

// resolve follows the symbolic links of as much of a path as exists.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil || path == "/" {
		return real
	}
	return filepath.Join(resolve(filepath.Dir(path)), filepath.Base(path))
}

func programs() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", err
	}
	return filepath.Dir(self), nil
}
