package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/network"
)

// ErrNoCluster is returned where a cluster that is named does not exist.
var ErrNoCluster = errors.New("no such cluster")

// Find returns the cluster of that name on this machine; empty means the default one.
func Find(name string) (*Cluster, error) {
	if name == "" {
		name = DefaultName
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	all, err := thisMachine.list()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(DataRoot, name)
	if l, ok := all[name]; ok {
		dir = l.DataDir
	}
	c, err := Open(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && c.Name != name {
		return nil, fmt.Errorf("%w %q", ErrNoCluster, name)
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("cluster %q: %s cannot be read; try sudo", name, dir)
	}
	return c, err
}

// Names lists the clusters of this machine.
func Names() ([]string, error) { return thisMachine.names() }

// DefaultKubeconfig is the kubeconfig of the cluster that commands mean when they are told none: the
// default one or, where that does not exist, the only one there is.
func DefaultKubeconfig() (path string, ok bool) {
	if c, err := Find(DefaultName); err == nil {
		return c.Kubeconfig(), true
	}
	names, err := Names()
	if err != nil || len(names) != 1 {
		return "", false
	}
	c, err := Find(names[0])
	if err != nil {
		return "", false
	}
	return c.Kubeconfig(), true
}

// Down ends a cluster and removes all that was made for it: processes, mounts, namespaces, links,
// control groups, files. What it does not know in the data directory stays. It fails with ErrNoCluster
// where there is none.
func Down(ctx context.Context, name string) error {
	if os.Geteuid() != 0 {
		return errors.New("taking a cluster down needs root (try sudo)")
	}
	c, err := Find(name)
	if errors.Is(err, ErrNoCluster) {
		c, err = cutShort(name, err)
	}
	if err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(c.DataDir, lockFile), false)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("another etalon command is at work on cluster %q", c.Name)
	}
	if err != nil {
		return err
	}
	defer unlock()
	return c.remove(ctx)
}

// cutShort returns what there is of a cluster whose Up was killed before it wrote its record: addresses
// and a locked directory. Where there is no trace it returns missing.
func cutShort(name string, missing error) (*Cluster, error) {
	if name == "" {
		name = DefaultName
	}
	all, err := thisMachine.list()
	if err != nil {
		return nil, err
	}
	l, ok := all[name]
	if !ok || !exists(l.DataDir) {
		return nil, missing
	}
	return &Cluster{Name: name, Index: l.Index, DataDir: l.DataDir}, nil
}

// remove is Down for one who holds the lock. It goes on after errors, so as to leave as little as it can.
func (c *Cluster) remove(ctx context.Context) error {
	errs := []error{c.stop(ctx)}
	errs = append(errs, c.plan().Down())
	if groups, err := cgroup.Detect(); err == nil {
		errs = append(errs, groups.Remove(node.Group(c.Name), 5*time.Second))
		groups.RemoveEmpty(node.Root)
	}
	if err := errors.Join(errs...); err != nil {
		return err // what may still run keeps its files, and its record for the next try
	}
	for _, entry := range entries {
		errs = append(errs, os.RemoveAll(c.path(entry)))
	}
	errs = append(errs, thisMachine.release(c.Name))
	// A directory with something else in it stays.
	removeDirs(append([]string{DataRoot}, c.Made...))
	return errors.Join(errs...)
}

// stop ends every process of the cluster.
func (c *Cluster) stop(ctx context.Context) error {
	var all errgroup.Group
	all.Go(func() error {
		running, err := c.findControlPlane()
		if err != nil || running == nil {
			return err
		}
		defer running.Close()
		return running.Kill(ctx)
	})
	all.Go(func() error {
		running, err := c.findSimulation()
		if err != nil || running == nil {
			return err
		}
		defer running.Close()
		return running.Kill(ctx)
	})
	for n := 1; n <= network.MaxNodes; n++ {
		// Also of nodes that the record has not been told of.
		if slices.Contains(c.Numbers(), n) || exists(c.path("nodes", node.Name(n))) {
			all.Go(func() error { return c.node(n).Cut(ctx) })
		}
	}
	return all.Wait()
}
