package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/etalon-dev/etalon/bench/process"
	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster"
	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
)

// bench is a run.
type bench struct {
	Options
	client kubernetes.Interface
	raw    *raw
	// processes are the node's, init its first.
	processes    map[string]*process.Process
	init         *process.Process
	controlPlane map[string]*process.Process
	seen         *follower
}

// Run measures and reports.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	up := o.up
	up.Name, up.Nodes, up.NoFsync, up.Timeout, up.Progress = fmt.Sprintf("bench-%d", os.Getpid()), 1, true, o.Timeout, o.Progress
	up.KubeletConfigFile = o.KubeletConfigFile
	c, err := cluster.Up(ctx, up)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := cluster.Down(context.WithoutCancel(ctx), c.Name); err != nil {
			fmt.Fprintln(o.Progress, "taking the cluster down:", err)
		}
	}()
	ctx, cancel := context.WithCancel(ctx) // which ends the watch
	defer cancel()
	b := &bench{Options: o}
	if err := b.connect(ctx, c); err != nil {
		return nil, err
	}
	return b.run(ctx)
}

// connect finds the API server, and the node's runtime and processes.
func (b *bench) connect(ctx context.Context, c *cluster.Cluster) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	config.QPS = -1
	config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json"
	if b.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	pids, err := c.NodeProcesses(node.Name(1))
	if err != nil {
		return err
	}
	b.processes = map[string]*process.Process{}
	for _, part := range []string{"kubelet", "containerd", "proxy"} {
		if pids[part] == 0 {
			return fmt.Errorf("%s does not run", part)
		}
		b.processes[part] = process.Other(pids[part])
	}
	b.init, b.controlPlane = process.Other(pids["init"]), map[string]*process.Process{}
	controlPlane, err := c.Processes()
	if err != nil {
		return err
	}
	for name, pid := range controlPlane {
		b.controlPlane[name] = process.Other(pid)
	}
	socket := filepath.Join("/proc", fmt.Sprint(pids["init"]), "root", containerd.Socket)
	rt, err := runtime.Dial(ctx, "unix://"+socket)
	if err != nil {
		return err
	}
	b.raw = &raw{runtime: rt, node: spec.Node{PauseProfile: "/var/lib/kubelet/" + spec.PauseProfileFile}}
	if err := b.namespace(ctx); err != nil {
		return err
	}
	b.seen, err = follow(ctx, b.client)
	return err
}

// namespace makes the namespace and waits for its ServiceAccount, without which it takes no pods.
func (b *bench) namespace(ctx context.Context) error {
	ctx, cancel := b.within(ctx, "the namespace has no ServiceAccount")
	defer cancel()
	_, err := b.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	for err == nil {
		if _, err = b.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{}); err == nil || !apierrors.IsNotFound(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
			err = nil
		}
	}
	return err
}

func (b *bench) within(ctx context.Context, problem string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.Timeout, errors.New(problem+" in time"))
}

func (b *bench) run(ctx context.Context) (*Report, error) {
	r := &Report{Rounds: b.Rounds, AtOnce: b.AtOnce, Full: b.Full}
	var err error
	fmt.Fprintln(b.Progress, "an empty node, idle")
	if r.Empty, err = b.rest(ctx); err != nil {
		return nil, err
	}
	// The first pod brings the image.
	if _, err := b.pods(ctx, "first", 1, nil); err != nil {
		return nil, err
	}
	if err := b.raw.find(ctx, images.Tool); err != nil {
		return nil, err
	}
	for i := range b.Rounds {
		fmt.Fprintf(b.Progress, "one pod after another: %d of %d\n", i+1, b.Rounds)
		if err := b.round(ctx, r, i); err != nil {
			return nil, err
		}
	}
	if err := b.clear(ctx); err != nil {
		return nil, err
	}
	if err := b.together(ctx, r); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.Progress, "%d pods, idle\n", b.AtOnce)
	if r.Idle, err = b.rest(ctx); err != nil {
		return nil, err
	}
	if err := b.clear(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.Progress, "%d pods with a liveness probe each\n", b.Full)
	if r.FullTook, err = b.pods(ctx, "full", b.Full, probed); err != nil {
		return nil, err
	}
	if r.Probed, err = b.rest(ctx); err != nil {
		return nil, err
	}
	return r, b.clear(ctx)
}

// round starts a raw pod, a pod, and a pod without a token.
func (b *bench) round(ctx context.Context, r *Report, i int) error {
	s, err := b.raw.start(ctx, template(fmt.Sprint("raw-", i), images.Tool))
	if err != nil {
		return err
	}
	if err := b.raw.remove(ctx, s); err != nil {
		return err
	}
	r.Raw = append(r.Raw, s.took)
	took, err := b.pods(ctx, fmt.Sprint("token-", i), 1, nil)
	if err != nil {
		return err
	}
	r.Token = append(r.Token, took)
	if took, err = b.pods(ctx, fmt.Sprint("plain-", i), 1, plain); err != nil {
		return err
	}
	r.Plain = append(r.Plain, took)
	return b.clear(ctx)
}

// together starts many raw pods at once, and then many pods, which stay.
func (b *bench) together(ctx context.Context, r *Report) error {
	fmt.Fprintf(b.Progress, "%d at once, by the runtime alone\n", b.AtOnce)
	sandboxes := make([]*sandbox, b.AtOnce)
	before, err := b.spent()
	if err != nil {
		return err
	}
	began := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range sandboxes {
		group.Go(func() (err error) {
			sandboxes[i], err = b.raw.start(groupCtx, template(fmt.Sprint("raw-", i), images.Tool))
			return err
		})
	}
	err = group.Wait()
	r.RawTogether = time.Since(began)
	after, failed := b.spent()
	err, r.RawTogetherCPU = errors.Join(err, failed), since(before, after)
	for _, s := range sandboxes {
		if s != nil {
			err = errors.Join(err, b.raw.remove(ctx, s))
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Progress, "%d at once, as pods\n", b.AtOnce)
	if before, err = b.spent(); err != nil {
		return err
	}
	if r.Together, err = b.pods(ctx, "together", b.AtOnce, nil); err != nil {
		return err
	}
	after, err = b.spent()
	r.TogetherCPU = since(before, after)
	return err
}

// pods creates pods and returns how long it took until the last was Ready.
func (b *bench) pods(ctx context.Context, name string, n int, change func(*corev1.Pod)) (time.Duration, error) {
	ctx, cancel := b.within(ctx, "the pods are not Ready")
	defer cancel()
	names := make([]string, n)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	began := time.Now()
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", name, i)
		pod := template(names[i], images.Tool)
		if change != nil {
			change(pod)
		}
		group.Go(func() error {
			_, err := b.client.CoreV1().Pods(namespace).Create(groupCtx, pod, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	last, err := b.seen.allReady(ctx, names)
	return last.Sub(began), err
}

// plain leaves out the token.
func plain(pod *corev1.Pod) {
	no := false
	pod.Spec.AutomountServiceAccountToken = &no
}

// probed gives the pod a server and a liveness probe by HTTP, every 10 seconds.
func probed(pod *corev1.Pod) {
	c := &pod.Spec.Containers[0]
	c.Args = []string{"serve", "--port", "8080"}
	c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(8080)}}}
}

func (b *bench) clear(ctx context.Context) error {
	ctx, cancel := b.within(ctx, "the pods are not gone")
	defer cancel()
	return b.seen.deleteAll(ctx, b.client)
}

// rest watches the node's processes while nothing happens.
func (b *bench) rest(ctx context.Context) (Rest, error) {
	// What the change before it left to do is not rest.
	select {
	case <-ctx.Done():
		return Rest{}, ctx.Err()
	case <-time.After(3 * time.Second):
	}
	out := Rest{Processes: map[string]Cost{}}
	before := map[string]time.Duration{}
	for name, p := range b.processes {
		used, err := p.CPU()
		if err != nil {
			return out, err
		}
		before[name] = used
	}
	began := time.Now()
	select {
	case <-ctx.Done():
		return out, ctx.Err()
	case <-time.After(b.Rest):
	}
	out.Took = time.Since(began)
	for name, p := range b.processes {
		used, err := p.CPU()
		if err != nil {
			return out, err
		}
		cost := Cost{CPU: used - before[name]}
		if cost.Resident, cost.Anonymous, err = p.Memory(); err != nil {
			return out, err
		}
		out.Processes[name] = cost
	}
	return out, nil
}
