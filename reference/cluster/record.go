package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/network"
)

// Cluster is one cluster, as cluster.json in its data directory records it. It says nothing of what
// runs: that is asked of the machine each time.
type Cluster struct {
	// ID is random and marks the cluster's processes.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Index determines the cluster's addresses on this machine.
	Index int `json:"index"`
	Members
	// SimulatedNodes is how many nodes without containers there are, Simulate the settings of their simulator.
	SimulatedNodes int      `json:"simulatedNodes,omitempty"`
	Simulate       []string `json:"simulate,omitempty"`
	// Port of the API server, RegistryPort of the images.
	Port         int      `json:"port"`
	RegistryPort int      `json:"registryPort"`
	EtcdServers  []string `json:"etcdServers,omitempty"`
	NoFsync      bool     `json:"noFsync,omitempty"`
	Without      []string `json:"without,omitempty"`
	// AuditPolicyFile is what the API server keeps an audit log by, if any.
	AuditPolicyFile string `json:"auditPolicyFile,omitempty"`
	// ControllersArgs are those that the controllers were given besides their own.
	ControllersArgs []string  `json:"controllersArgs,omitempty"`
	Created         time.Time `json:"created"`
	DataDir         string    `json:"dataDir"`
	// Made are the directories that were made to hold the data directory, and that itself, from the top.
	Made []string `json:"made,omitempty"`
	// Programs is where etalon and its helpers lie.
	Programs string `json:"programs"`
}

const recordFile = "cluster.json"

// Open returns the cluster whose data directory that is. A missing one is os.ErrNotExist.
func Open(dir string) (*Cluster, error) {
	b, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return nil, err
	}
	c := new(Cluster)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recordFile), err)
	}
	c.DataDir = dir
	return c, nil
}

func (c *Cluster) save() error { return spec.Save(c.path(recordFile), c) }

func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.DataDir}, parts...)...)
}

func (c *Cluster) plan() network.Plan { return network.Plan{Cluster: c.Name, Index: c.Index} }

func (c *Cluster) has(part string) bool { return !slices.Contains(c.Without, part) }

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

// Server is the URL of the API server on this machine.
func (c *Cluster) Server() string { return "https://" + c.localAddress() }

func (c *Cluster) localAddress() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

// clusterAddress is the API server's address on the cluster's network.
func (c *Cluster) clusterAddress() string {
	return net.JoinHostPort(c.plan().Machine().Addr().String(), strconv.Itoa(c.Port))
}

func (c *Cluster) registryAddress() string {
	return net.JoinHostPort(c.plan().Machine().Addr().String(), strconv.Itoa(c.RegistryPort))
}

// node describes the node with that number.
func (c *Cluster) node(n int) node.Node {
	return node.Node{Plan: c.plan(), Number: n, All: c.Numbers(), Unplugged: slices.Contains(c.Disconnected, n),
		Dir: c.path("nodes", node.Name(n)), Programs: c.Programs, ID: c.ID}
}

func (c *Cluster) allNodes() []node.Node {
	nodes := make([]node.Node, 0, c.Nodes)
	for _, n := range c.Numbers() {
		nodes = append(nodes, c.node(n))
	}
	return nodes
}

// entries are all that a cluster keeps in its data directory; Down removes these and nothing else.
var entries = []string{"pki", "kubeconfig", "kubeconfigs", "etcd", "logs", "nodes", "registry", controlPlaneFile, controlPlaneState, simulationFile, simulationState, kubeletConfig, recordFile, lockFile}

// checkDataDir refuses a directory that holds something other than this cluster.
func checkDataDir(dir, name string) error {
	c, err := Open(dir)
	switch {
	case err == nil && c.Name != name:
		return fmt.Errorf("data directory %s belongs to the cluster %q; give %q another by --data-dir", dir, c.Name, name)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("data directory %s: %w", dir, plain(err))
	}
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("data directory %s: %w", dir, plain(err))
	}
	for _, f := range found {
		if f.Name() != lockFile && f.Name() != "lost+found" {
			return fmt.Errorf("data directory %s is not empty and holds no cluster", dir)
		}
	}
	return nil
}

// plain takes the operation and the path off an error of the file system, where the sentence has them already.
func plain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// makeDirs makes a directory and those above it, and returns what it made, from the top.
func makeDirs(dir string) (made []string, err error) {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return nil, fmt.Errorf("data directory %s: not a directory", dir)
		}
		return nil, nil
	}
	if made, err = makeDirs(filepath.Dir(dir)); err != nil {
		return made, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return made, fmt.Errorf("data directory %s: %w", dir, plain(err))
	}
	return append(made, dir), nil
}

// removeDirs removes what makeDirs made, as far as it is empty.
func removeDirs(made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		_ = os.Remove(made[i])
	}
}
