package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
)

const (
	// pollInterval is short: what is waited for is local, and start-up is measured in tenths of a second.
	pollInterval = 20 * time.Millisecond
	// Whether what is waited for has died is asked less often, as that looks at every process.
	pollsPerLook = 10
	// A process that has been started again this often while it is waited for will not come up by itself.
	hopeless = 5
)

// errNotYet is a condition that is not met, and why.
type errNotYet string

func (e errNotYet) Error() string { return string(e) }

// until asks again and again until check succeeds. It gives up when ctx ends, with the last reason,
// or at once when broken finds that waiting is in vain.
func until(ctx context.Context, check func(context.Context) error, broken func() error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for polls := 1; ; polls++ {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if polls%pollsPerLook == 0 {
			if fatal := broken(); fatal != nil {
				return fatal
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return context.Canceled
			}
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

// client returns a client of the administrator that waits for no rate limit.
func (c *Cluster) client() (*kubernetes.Clientset, error) {
	config, err := c.restConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func (c *Cluster) restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS, config.Timeout = -1, 5*time.Second
	config.AcceptContentTypes, config.ContentType = "application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf"
	return config, nil
}

// controlPlaneBroken finds a process of the control plane that ends again and again.
func (c *Cluster) controlPlaneBroken(name string) func() error {
	failing := failing(c.path(controlPlaneState), name, c.path("logs", name+".log"))
	return func() error {
		supervisor, err := c.findControlPlane()
		if err != nil {
			return err
		}
		if supervisor == nil {
			return &processError{"the supervisor of the control plane has ended", c.path("logs", "supervisor.log")}
		}
		supervisor.Close()
		return failing()
	}
}

// nodeBroken finds that a node is off, or that a process in it ends again and again.
func (c *Cluster) nodeBroken(n node.Node, names ...string) func() error {
	var looks []func() error
	for _, name := range names {
		looks = append(looks, failing(n.StateFile(), name, filepath.Join(n.Dir, "logs", name+".log")))
	}
	return func() error {
		running, err := n.Find()
		if err != nil {
			return err
		}
		if running == nil {
			return &processError{n.Name() + " is off", n.LogFile()}
		}
		running.Close()
		for _, failing := range looks {
			if err := failing(); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
		}
		return nil
	}
}

// failing finds that a supervisor, by the state that it keeps, has started a process too often since the first look.
func failing(stateFile, name, log string) func() error {
	first := -1
	return func() error {
		state, err := spec.LoadState(stateFile)
		if err != nil {
			return nil // not written yet
		}
		for _, p := range state.Processes {
			if p.Name != name {
				continue
			}
			if first < 0 {
				first = p.Restarts
			}
			if again := p.Restarts - first; again >= hopeless {
				return &processError{fmt.Sprintf("%s has ended %d times (%s)", name, again, p.LastExit), log}
			}
		}
		return nil
	}
}

// apiReady asks the API server whether it is ready.
func apiReady(client kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	}
}

// controllersReady waits for the controllers to be at work, and for what only they make: without a
// default ServiceAccount no pod is admitted.
func controllersReady(client kubernetes.Interface, since time.Time) func(context.Context) error {
	held := leaseHeld(client, leaseControllers, since)
	return func(ctx context.Context) error {
		if err := held(ctx); err != nil {
			return err
		}
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	}
}

// nodeReady asks whether a node's last word is Ready, and was given after since, so not by an earlier life.
func nodeReady(client kubernetes.Interface, name string, since time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		n, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range n.Status.Conditions {
			if condition.Type != corev1.NodeReady {
				continue
			}
			switch {
			case condition.Status != corev1.ConditionTrue:
				return errNotYet(fmt.Sprintf("%s is not Ready: %s: %s", name, condition.Reason, condition.Message))
			case condition.LastHeartbeatTime.Time.Before(since.Truncate(time.Second)):
				return errNotYet(name + " has not reported since it was started")
			}
			return nil
		}
		return errNotYet(name + " has no condition Ready")
	}
}

// pullSandbox has a node's runtime fetch the image that every pod needs first.
func (c *Cluster) pullSandbox(ctx context.Context, n node.Node) error {
	running, err := n.Find()
	if err != nil {
		return err
	}
	if running == nil {
		return &processError{n.Name() + " is off", n.LogFile()}
	}
	defer running.Close()
	// The runtime's socket lies in the node's own file system; the kernel shows that under /proc.
	target := fmt.Sprintf("unix:///proc/%d/root%s", running.Pid, containerd.Socket)
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	service := cri.NewImageServiceClient(connection)
	image := &cri.ImageSpec{Image: images.Pause}
	status, err := service.ImageStatus(ctx, &cri.ImageStatusRequest{Image: image})
	if err != nil || status.Image != nil {
		return err
	}
	_, err = service.PullImage(ctx, &cri.PullImageRequest{Image: image})
	return err
}
