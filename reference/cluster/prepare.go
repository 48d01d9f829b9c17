package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/registry"
)

const firstRegistryPort = 5000

// openDataDir makes the data directory as far as it is missing, and locks it.
func (u *up) openDataDir(o Options) (unlock func(), err error) {
	if err := checkDataDir(o.DataDir, o.Name); err != nil {
		return nil, err
	}
	if u.made, err = makeDirs(o.DataDir); err == nil {
		err = checkSpace(o.DataDir)
	}
	if err != nil {
		removeDirs(u.made)
		return nil, err
	}
	unlock, err = lock(filepath.Join(o.DataDir, lockFile), false)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("another etalon command is at work on data directory %s", o.DataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", o.DataDir, plain(err))
	}
	// Another cluster may have moved in before the lock was ours.
	if err := checkDataDir(o.DataDir, o.Name); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// claim finds the cluster's record or makes one, with addresses and ports of its own.
func (u *up) claim(o Options) error {
	c, err := Open(o.DataDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		nodes := o.Nodes
		if nodes == 0 && !o.NoNodes {
			nodes = 1
		}
		c = &Cluster{ID: uuid.NewString(), Name: o.Name, Index: -1, Members: Members{Nodes: nodes}, SimulatedNodes: o.SimulatedNodes, Simulate: o.Simulate, EtcdServers: o.EtcdServers,
			NoFsync: o.NoFsync, AuditPolicyFile: o.AuditPolicyFile, ControllersArgs: o.ControllersArgs, Without: o.Without, Created: time.Now().UTC(), DataDir: o.DataDir, Made: u.made}
	case err != nil:
		return err
	case (o.Nodes != 0 || o.NoNodes) && o.Nodes < c.Nodes:
		return fmt.Errorf("cluster %q has %d nodes; to have only %d, take it down first (etalon down%s), or some of them away (etalon node remove%s)", c.Name, c.Nodes, o.Nodes, nameFlag(c.Name), nameFlag(c.Name))
	case o.Port != 0 && o.Port != c.Port:
		return fmt.Errorf("cluster %q serves on port %d; to change that, take it down first (etalon down%s)", c.Name, c.Port, nameFlag(c.Name))
	case o.SimulatedNodes != 0 && o.SimulatedNodes < c.SimulatedNodes:
		return fmt.Errorf("cluster %q has %d simulated nodes; to have only %d, take it down first (etalon down%s)", c.Name, c.SimulatedNodes, o.SimulatedNodes, nameFlag(c.Name))
	default:
		if _, err := c.grow(max(0, o.Nodes-c.Nodes)); err != nil {
			return err
		}
		c.SimulatedNodes = max(c.SimulatedNodes, o.SimulatedNodes)
		if o.Simulate != nil {
			c.Simulate = o.Simulate
		}
	}
	c.Programs = o.Programs
	c.Index, err = thisMachine.claim(c.Name, c.DataDir, c.Index, func(index int) (string, error) {
		plan := c.plan()
		plan.Index = index
		return plan.InUse()
	})
	if err != nil {
		return err
	}
	u.cluster = c
	// From here on there is something to take down.
	return c.save()
}

// prepare makes the network, and every file that processes will read.
func (u *up) prepare(ctx context.Context, o Options) error {
	c := u.cluster
	if err := c.plan().Up(); err != nil {
		return err
	}
	running, err := c.findControlPlane()
	if err != nil {
		return err
	}
	if running != nil {
		running.Close()
	} else if err := u.ports(ctx, o); err != nil {
		return err
	}
	if err := c.save(); err != nil {
		return err
	}
	if err := c.makeCredentials(); err != nil {
		return err
	}
	if err := c.keepKubeletConfig(o.KubeletConfigFile); err != nil {
		return err
	}
	return c.storeImages()
}

// sharedDisk is the nodes' configuration where none is given. The documented default of imagefs.available, 15 %, is
// for a disk that is the node's own: here all nodes have that of the machine, where an eviction frees next to nothing
// of what others fill, and one threshold crossed is crossed on all of them. Images go when that one is crossed, not before.
// As for the disk, so for processes: the machine has one table of them, which no pod is to fill.
const sharedDisk = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
mergeDefaultEvictionSettings: true
evictionHard:
  imagefs.available: 10%
imageGCHighThresholdPercent: 95
imageGCLowThresholdPercent: 94
podPidsLimit: 2048
`

// keepKubeletConfig copies the nodes' KubeletConfiguration, so that nodes of a later `up` are like the first.
func (c *Cluster) keepKubeletConfig(file string) error {
	if file == "" {
		if _, err := os.Stat(c.path(kubeletConfig)); err == nil {
			return nil
		}
		return os.WriteFile(c.path(kubeletConfig), []byte(sharedDisk), 0o600)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("kubelet configuration: %w", err)
	}
	return os.WriteFile(c.path(kubeletConfig), text, 0o600)
}

// dying is how long the processes of a control plane that was killed may hold on to its ports.
const dying = 5 * time.Second

// ports makes sure of the ports that the control plane will listen on, on every address it does. Those
// of a cluster that exists stay: they are in files that people and running nodes hold.
func (u *up) ports(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, dying)
	defer cancel()
	c := u.cluster
	existed := c.RegistryPort != 0
	for {
		err := c.choosePorts(o.Port)
		if err == nil || !existed {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollInterval):
		}
	}
}

// choosePorts keeps the cluster's ports, or gives it some; they change only when all are free.
func (c *Cluster) choosePorts(wanted int) error {
	machine := c.plan().Machine().Addr().String()
	api, err := choosePort(max(wanted, c.Port), defaultPort+c.Index, "127.0.0.1", machine)
	if err != nil {
		return err
	}
	images, err := choosePort(c.RegistryPort, firstRegistryPort, machine)
	if err != nil {
		return err
	}
	c.Port, c.RegistryPort = api, images
	return nil
}

// storeImages puts the images of the fixtures into the cluster's registry.
func (c *Cluster) storeImages() error {
	store, err := registry.Open(c.path("registry"))
	if err != nil {
		return err
	}
	made, err := images.All(c.Programs)
	if err != nil {
		return err
	}
	for _, i := range made {
		if err := store.AddImage(i.Name, i.Image); err != nil {
			return err
		}
	}
	return nil
}

// missing is what of a cluster does not run.
type missing struct {
	controlPlane bool
	nodes        []node.Node
}

func (c *Cluster) missing() (missing, error) {
	var m missing
	running, err := c.findControlPlane()
	if err != nil {
		return m, err
	}
	if m.controlPlane = running == nil; !m.controlPlane {
		running.Close()
	}
	on, _ := c.on()
	for _, n := range on {
		running, err := n.Find()
		if err != nil {
			return m, err
		}
		if running == nil {
			m.nodes = append(m.nodes, n)
			continue
		}
		// It may have got new neighbours.
		err = c.plan().Route(running.Pid, n.Number, n.All)
		running.Close()
		if err != nil {
			return m, err
		}
	}
	return m, c.plan().RouteMachine(c.Numbers())
}
