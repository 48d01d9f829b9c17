package cluster

import (
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
		c = &Cluster{ID: uuid.NewString(), Name: o.Name, Index: -1, Nodes: max(1, o.Nodes), EtcdServers: o.EtcdServers,
			NoFsync: o.NoFsync, Without: o.Without, Created: time.Now().UTC(), DataDir: o.DataDir, Made: u.made}
	case err != nil:
		return err
	case o.Nodes != 0 && o.Nodes < c.Nodes:
		return fmt.Errorf("cluster %q has %d nodes; to have only %d, take it down first (etalon down%s)", c.Name, c.Nodes, o.Nodes, nameFlag(c.Name))
	case o.Port != 0 && o.Port != c.Port:
		return fmt.Errorf("cluster %q serves on port %d; to change that, take it down first (etalon down%s)", c.Name, c.Port, nameFlag(c.Name))
	default:
		c.Nodes = max(c.Nodes, o.Nodes)
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
func (u *up) prepare(o Options) error {
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
	} else if err := u.ports(o); err != nil {
		return err
	}
	if err := c.save(); err != nil {
		return err
	}
	if err := c.makeCredentials(); err != nil {
		return err
	}
	return c.storeImages()
}

// ports makes sure of the ports that the control plane will listen on, on every address it does.
func (u *up) ports(o Options) (err error) {
	c := u.cluster
	machine := c.plan().Machine().Addr().String()
	// The port of a cluster that exists is in the kubeconfig files that people hold.
	if c.Port, err = choosePort(max(o.Port, c.Port), defaultPort+c.Index, "127.0.0.1", machine); err != nil {
		return err
	}
	c.RegistryPort, err = choosePort(0, firstRegistryPort, machine)
	return err
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
	for _, n := range c.allNodes() {
		running, err := n.Find()
		if err != nil {
			return m, err
		}
		if running == nil {
			m.nodes = append(m.nodes, n)
			continue
		}
		// It may have got new neighbours.
		err = c.plan().Route(running.Pid, n.Number, c.Nodes)
		running.Close()
		if err != nil {
			return m, err
		}
	}
	return m, nil
}
