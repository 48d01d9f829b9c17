package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubectl/pkg/drain"

	"github.com/etalon-dev/etalon/reference/cluster/node"
)

// Removal says how a node is removed.
type Removal struct {
	// Drain evicts the node's pods first, as `kubectl drain` does.
	Drain bool
	// Timeout is how long that may take.
	Timeout time.Duration
}

// change does something to the cluster of that name while no other command can.
func change(name string, do func(*Cluster) error) error {
	if os.Geteuid() != 0 {
		return errors.New("changing a cluster's nodes needs root (try sudo)")
	}
	c, err := Find(name)
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
	// It may have changed before the lock was ours.
	if c, err = Open(c.DataDir); err != nil {
		return err
	}
	return do(c)
}

// mustRun refuses what needs the control plane of a cluster that has none.
func (c *Cluster) mustRun() error {
	running, err := c.findControlPlane()
	if err != nil {
		return err
	}
	if running == nil {
		return fmt.Errorf("cluster %q is off (etalon up%s)", c.Name, nameFlag(c.Name))
	}
	running.Close()
	return nil
}

// AddNodes adds so many nodes to a cluster that runs, waits until they are Ready and returns their names. If they do not
// become that, or ctx ends before, they are removed again.
func AddNodes(ctx context.Context, name string, count int, out io.Writer) (names []string, err error) {
	if count < 1 {
		return nil, fmt.Errorf("%d nodes to add: want 1 or more", count)
	}
	err = change(name, func(c *Cluster) error {
		if err := c.mustRun(); err != nil {
			return err
		}
		added, err := c.grow(count)
		if err != nil {
			return err
		}
		var nodes []node.Node
		for _, n := range added {
			nodes = append(nodes, c.node(n))
			names = append(names, node.Name(n))
		}
		// From here on there is something to remove.
		if err := c.save(); err != nil {
			return err
		}
		if err = c.start(ctx, nodes, out); err == nil {
			return nil
		}
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		for _, n := range nodes {
			if undo := c.removeNode(cleaning, n); undo != nil {
				err = fmt.Errorf("%w (and removing %s again failed: %w)", err, n.Name(), undo)
			}
		}
		return err
	})
	return names, err
}

// start launches nodes of a cluster that runs and waits until they are Ready.
func (c *Cluster) start(ctx context.Context, nodes []node.Node, out io.Writer) error {
	u := &up{began: time.Now(), progress: newProgress(out), cluster: c}
	var err error
	if u.client, err = c.client(); err != nil {
		return err
	}
	if err := c.makeCredentials(); err != nil {
		return err
	}
	// This also gives those that run the routes to the new ones.
	if _, err := c.missing(); err != nil {
		return err
	}
	if err := c.launchAll(ctx, nodes).Wait(); err != nil {
		return failed("Nodes", "", err)
	}
	return u.nodes(ctx, nodes, u.began, nodes)
}

// RemoveNode ends a node and removes all that there is of it: its pods' places, its object, its files, its routes.
func RemoveNode(ctx context.Context, name, nodeName string, how Removal, out io.Writer) error {
	return change(name, func(c *Cluster) error {
		n, err := c.member(nodeName)
		if err != nil {
			return err
		}
		if err := c.mustRun(); err != nil {
			return err
		}
		if how.Drain {
			if err := c.drain(ctx, n, how.Timeout, out); err != nil {
				return fmt.Errorf("drain %s: %w", nodeName, err)
			}
		}
		return c.removeNode(ctx, n)
	})
}

// removeNode may be cut short anywhere, and is completed by doing it again: the record goes last.
func (c *Cluster) removeNode(ctx context.Context, n node.Node) error {
	if err := n.Cut(ctx); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := client.CoreV1().Nodes().Delete(ctx, n.Name(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the object of %s: %w", n.Name(), err)
	}
	if err := os.RemoveAll(n.Dir); err != nil {
		return err
	}
	c.drop(n.Number)
	if _, err := c.missing(); err != nil { // the others' routes to its pods go
		return err
	}
	return c.save()
}

// drain cordons the node and evicts its pods, but for those of DaemonSets.
func (c *Cluster) drain(ctx context.Context, n node.Node, timeout time.Duration, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	object, err := client.CoreV1().Nodes().Get(ctx, n.Name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	helper := &drain.Helper{Ctx: ctx, Client: client, Force: true, GracePeriodSeconds: -1, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
		Timeout: timeout, Out: out, ErrOut: io.Discard}
	if err := drain.RunCordonOrUncordon(helper, object, true); err != nil {
		return err
	}
	return drain.RunNodeDrain(helper, n.Name())
}

// StopNode ends a node until StartNode: at once, as a power cut does, or gracefully, so that its agent ends its pods within the
// shutdownGracePeriod of its configuration. It says whether the node ran.
func StopNode(ctx context.Context, name, nodeName string, graceful bool) (ran bool, err error) {
	return ran, change(name, func(c *Cluster) error {
		n, err := c.member(nodeName)
		if err != nil {
			return err
		}
		running, err := n.Find()
		if err != nil {
			return err
		}
		ran = running != nil
		c.Stopped = with(c.Stopped, n.Number)
		if err := c.save(); err != nil {
			return err
		}
		if running != nil {
			defer running.Close()
			if graceful {
				if err := n.PowerOff(ctx, running); err != nil {
					return err
				}
			}
		}
		return n.Cut(ctx)
	})
}

// StartNode starts a node again, on its own disk, and waits until it is Ready, unless its network is cut. It says whether the
// node was off.
func StartNode(ctx context.Context, name, nodeName string, out io.Writer) (wasOff bool, err error) {
	return wasOff, change(name, func(c *Cluster) error {
		n, err := c.member(nodeName)
		if err != nil {
			return err
		}
		if err := c.mustRun(); err != nil {
			return err
		}
		c.Stopped = without(c.Stopped, n.Number)
		if err := c.save(); err != nil {
			return err
		}
		running, err := n.Find()
		if err != nil {
			return err
		}
		if running != nil {
			running.Close()
			return nil
		}
		wasOff = true
		if n.Unplugged {
			return c.launchAll(ctx, []node.Node{n}).Wait()
		}
		return c.start(ctx, []node.Node{n}, out)
	})
}

// DisconnectNode cuts a node's network from the cluster's while all in it goes on, until ConnectNode.
func DisconnectNode(name, nodeName string) error {
	return change(name, func(c *Cluster) error {
		n, err := c.member(nodeName)
		if err != nil {
			return err
		}
		c.Disconnected = with(c.Disconnected, n.Number)
		if err := c.save(); err != nil {
			return err
		}
		return n.Plan.Unplug(n.Number)
	})
}

// ConnectNode undoes DisconnectNode and waits, where the node runs, until it has reported again that it is Ready.
func ConnectNode(ctx context.Context, name, nodeName string) error {
	return change(name, func(c *Cluster) error {
		n, err := c.member(nodeName)
		if err != nil {
			return err
		}
		was := n.Unplugged
		c.Disconnected = without(c.Disconnected, n.Number)
		if err := c.save(); err != nil {
			return err
		}
		if err := n.Plan.Plug(n.Number); err != nil {
			return err
		}
		running, err := n.Find()
		if err != nil || running == nil || !was || !c.has("kubelet") {
			return err
		}
		running.Close()
		client, err := c.client()
		if err != nil {
			return err
		}
		return until(ctx, reachable(client, n.Name()), c.nodeBroken(n, "kubelet", "containerd"))
	})
}

// reachable asks whether a node is Ready and no controller has taken it for lost.
func reachable(client kubernetes.Interface, name string) func(context.Context) error {
	ready := nodeReady(client, name, time.Time{})
	return func(ctx context.Context) error {
		if err := ready(ctx); err != nil {
			return err
		}
		n, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, taint := range n.Spec.Taints {
			if taint.Key == corev1.TaintNodeUnreachable || taint.Key == corev1.TaintNodeNotReady {
				return errNotYet(name + " has the taint " + taint.Key)
			}
		}
		return nil
	}
}
