package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/registry"
)

const firstRegistryPort = 5000

// Report says how a cluster came up.
type Report struct {
	// Already is true when everything ran before.
	Already bool
	// ControlPlane and All are how long it took, from the call, until the control plane and until everything was ready.
	ControlPlane, All time.Duration
}

// Up brings a cluster up, or starts again what is missing of one that exists, and returns when every
// node is Ready and a pod could start. When it fails, or ctx ends, a cluster that did not exist before
// is taken down again (unless Keep).
func Up(ctx context.Context, o Options) (*Cluster, error) {
	c, _, err := UpWithReport(ctx, o)
	return c, err
}

// UpWithReport is Up, and tells how long it took.
func UpWithReport(ctx context.Context, o Options) (*Cluster, Report, error) {
	u := &up{began: time.Now(), progress: newProgress(o.Progress)}
	o, err := o.complete()
	if err != nil {
		return nil, Report{}, err
	}
	if err := checkMachine(o.Programs, true); err != nil {
		return nil, Report{}, err
	}
	unlock, err := u.openDataDir(o)
	if err != nil {
		return nil, Report{}, err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	fresh := !exists(filepath.Join(o.DataDir, recordFile))
	err = u.run(ctx, o)
	if err == nil {
		return u.cluster, u.report, nil
	}
	if ctx.Err() == context.Canceled {
		err = errors.New("interrupted")
	}
	if fresh && !o.Keep {
		err = u.undo(o, err)
	}
	return nil, u.report, err
}

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

// up is one run of Up.
type up struct {
	began    time.Time
	progress progress
	cluster  *Cluster
	client   *kubernetes.Clientset
	report   Report
	// made are the directories that did not exist before, from the top.
	made []string
}

// run is the whole of it, from top to bottom.
func (u *up) run(ctx context.Context, o Options) error {
	if err := u.claim(o); err != nil {
		return err
	}
	c := u.cluster
	if err := u.progress.step("Certificates and network", u.began, func() error { return u.prepare(o) }); err != nil {
		return failed("Certificates and network", "", err)
	}
	missing, err := c.missing()
	if err != nil {
		return err
	}
	u.report.Already = !missing.controlPlane && len(missing.nodes) == 0
	started := time.Now()
	if missing.controlPlane {
		if err := c.startControlPlane(); err != nil {
			return failed("Control plane", "", err)
		}
	}
	// The nodes' runtimes come up while the API server does.
	nodes, inBackground := errgroup.WithContext(ctx)
	for _, n := range missing.nodes {
		nodes.Go(func() error {
			if err := c.launch(inBackground, n); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
			return nil
		})
	}
	err = u.controlPlane(ctx, started, missing.controlPlane)
	launched := nodes.Wait()
	if err != nil {
		return err
	}
	u.report.ControlPlane = time.Since(u.began)
	if launched != nil {
		return failed("Nodes", "", launched)
	}
	if err := u.nodes(ctx, started, missing.nodes); err != nil {
		return err
	}
	u.report.All = time.Since(u.began)
	return nil
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
	return nil
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

// controlPlane waits until the API answers and the controllers and the scheduler work; if they were just
// launched, until they have said so since.
func (u *up) controlPlane(ctx context.Context, started time.Time, launched bool) error {
	c := u.cluster
	var since time.Time
	if launched {
		since = started
	}
	var err error
	if u.client, err = c.client(); err != nil {
		return err
	}
	wait := func(title, process string, check func(context.Context) error) error {
		err := u.progress.step(title, started, func() error { return until(ctx, check, c.controlPlaneBroken(process)) })
		return failed(title, c.path("logs", process+".log"), err)
	}
	if err := wait("API server ready", "apiserver", apiReady(u.client)); err != nil {
		return err
	}
	if c.has("controllers") {
		if err := wait("Controllers ready", "controllers", controllersReady(u.client, since)); err != nil {
			return err
		}
	}
	if c.has("scheduler") {
		return wait("Scheduler ready", "scheduler", leaseHeld(u.client, "kube-scheduler", since))
	}
	return nil
}

// nodes waits until each node can run pods. Those that were just launched must have said so since.
func (u *up) nodes(ctx context.Context, started time.Time, launched []node.Node) error {
	c := u.cluster
	since := map[int]time.Time{}
	for _, n := range launched {
		since[n.Number] = started
	}
	title := fmt.Sprintf("%d %s ready", c.Nodes, plural(c.Nodes, "node"))
	err := u.progress.step(title, started, func() error {
		all, ctx := errgroup.WithContext(ctx)
		for _, n := range c.allNodes() {
			all.Go(func() error {
				pull := func(ctx context.Context) error { return c.pullSandbox(ctx, n) }
				if err := until(ctx, pull, c.nodeBroken(n, "containerd")); err != nil {
					return failed("image "+images.Pause+" on "+n.Name(), filepath.Join(n.Dir, "logs", "containerd.log"), err)
				}
				if !c.has("kubelet") {
					return nil
				}
				err := until(ctx, nodeReady(u.client, n.Name(), since[n.Number]), c.nodeBroken(n, "kubelet", "containerd"))
				return failed(n.Name(), filepath.Join(n.Dir, "logs", "kubelet.log"), err)
			})
		}
		return all.Wait()
	})
	return failed(title, "", err)
}

// undo takes a cluster down that did not come up.
func (u *up) undo(o Options, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if u.cluster != nil {
		err = u.cluster.remove(ctx)
	} else {
		err = os.Remove(filepath.Join(o.DataDir, lockFile))
		removeDirs(u.made)
	}
	if err != nil {
		return fmt.Errorf("%w (and cleaning up failed: %w)", cause, err)
	}
	return cause
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// nameFlag is the flag that commands need for a cluster that is not the default one.
func nameFlag(name string) string {
	if name == DefaultName {
		return ""
	}
	return " --name " + name
}
