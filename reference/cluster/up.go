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
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/node"
)

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
	if err := checkMachine(o.Programs, !slices.Contains(o.Without, "proxy")); err != nil {
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
	if err := u.progress.step("Certificates and network", u.began, func() error { return u.prepare(ctx, o) }); err != nil {
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
	nodes := c.launchAll(ctx, missing.nodes)
	err = u.controlPlane(ctx, started, missing.controlPlane)
	launched := nodes.Wait()
	if err != nil {
		return err
	}
	u.report.ControlPlane = time.Since(u.began)
	if launched != nil {
		return failed("Nodes", "", launched)
	}
	if c.Nodes > 0 && c.has("controllers") && c.has("kubelet") {
		if err := makeStorage(ctx, u.client); err != nil {
			return failed("StorageClass "+StorageClass, "", err)
		}
	}
	if _, reachable := c.on(); len(reachable) > 0 {
		if err := u.nodes(ctx, reachable, started, missing.nodes); err != nil {
			return err
		}
	}
	if c.SimulatedNodes > 0 {
		if err := u.simulate(ctx); err != nil {
			return err
		}
	}
	u.report.All = time.Since(u.began)
	return nil
}

// launchAll starts nodes in the background.
func (c *Cluster) launchAll(ctx context.Context, nodes []node.Node) *errgroup.Group {
	all, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		all.Go(func() error {
			if err := c.launch(ctx, n); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
			return nil
		})
	}
	return all
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
	wait := func(part, process string, check func(context.Context) error) error {
		err := u.progress.step(part+" ready", started, func() error { return until(ctx, check, c.controlPlaneBroken(process)) })
		return failed(part, c.path("logs", process+".log"), err)
	}
	if err := wait("API server", "apiserver", apiReady(u.client)); err != nil {
		return err
	}
	for part, lease := range map[string]string{"controllers": leaseControllers, "scheduler": leaseScheduler} {
		if launched && c.has(part) {
			if err := releaseLease(ctx, u.client, lease, since); err != nil {
				return failed("Lease kube-system/"+lease, "", err)
			}
		}
	}
	if c.has("controllers") {
		if err := wait("Controllers", "controllers", controllersReady(u.client, since)); err != nil {
			return err
		}
	}
	if c.has("scheduler") {
		return wait("Scheduler", "scheduler", leaseHeld(u.client, leaseScheduler, since))
	}
	return nil
}

// nodes waits until each of the nodes can run pods. Those that were just launched must have said so since.
func (u *up) nodes(ctx context.Context, nodes []node.Node, started time.Time, launched []node.Node) error {
	c := u.cluster
	since := map[int]time.Time{}
	for _, n := range launched {
		since[n.Number] = started
	}
	title := fmt.Sprintf("%d %s", len(nodes), plural(len(nodes), "node"))
	err := u.progress.step(title+" ready", started, func() error {
		all, ctx := errgroup.WithContext(ctx)
		for _, n := range nodes {
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
