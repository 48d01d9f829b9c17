package controllers

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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/etalon-dev/etalon/bench/process"
	"github.com/etalon-dev/etalon/reference/cluster"
)

// plainWrites is how many plain writes are measured, to compare with.
const plainWrites = 1000

// bench is a run.
type bench struct {
	Options
	client   *kubernetes.Clientset
	log      *auditLog
	programs map[string]*process.Process
}

// Run measures and reports.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	b := &bench{Options: o}
	stop, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	defer b.log.close()
	return b.run(ctx)
}

// connect brings a cluster up, or finds that of the options.
func (b *bench) connect(ctx context.Context) (stop func(), err error) {
	kubeconfig, log, stop := b.Kubeconfig, b.AuditLog, func() {}
	if kubeconfig == "" {
		dir, err := os.MkdirTemp("", "bench-controllers-")
		if err != nil {
			return nil, err
		}
		stop = func() { os.RemoveAll(dir) }
		file := filepath.Join(dir, "audit-policy.yaml")
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			stop()
			return nil, err
		}
		up := b.up
		up.Name, up.NoNodes, up.SimulatedNodes = fmt.Sprintf("bench-%d", os.Getpid()), true, b.Nodes
		up.NoFsync, up.AuditPolicyFile, up.Timeout, up.Progress = true, file, b.Timeout, b.Progress
		c, err := cluster.Up(ctx, up)
		if err != nil {
			stop()
			return nil, err
		}
		stop = func() {
			if err := cluster.Down(context.WithoutCancel(ctx), c.Name); err != nil {
				fmt.Fprintln(b.Progress, "taking the cluster down:", err)
			}
			os.RemoveAll(dir)
		}
		kubeconfig, log = c.Kubeconfig(), filepath.Join(c.DataDir, "logs", "audit.log")
		if b.programs, err = programs(c); err != nil {
			stop()
			return nil, err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err == nil {
		b.client, err = newClient(config)
	}
	if err == nil {
		b.log, err = openLog(log)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func newClient(config *rest.Config) (*kubernetes.Clientset, error) {
	config.QPS = -1
	config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json"
	return kubernetes.NewForConfig(config)
}

// programs are the processes whose cost is measured.
func programs(c *cluster.Cluster) (map[string]*process.Process, error) {
	pids, err := c.Processes()
	if err != nil {
		return nil, err
	}
	all := map[string]*process.Process{}
	for _, name := range []string{"apiserver", "controllers", "scheduler", "simulation"} {
		pid, ok := pids[name]
		if !ok {
			return nil, fmt.Errorf("%s does not run", name)
		}
		all[name] = process.Other(pid)
	}
	return all, nil
}

func (b *bench) run(ctx context.Context) (*Report, error) {
	chosen, err := choose(b.Kinds)
	if err != nil {
		return nil, err
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	nodes, err := b.nodes(ctx)
	if err != nil {
		return nil, err
	}
	report := &Report{Objects: b.Objects, Replicas: b.Replicas, Nodes: len(nodes)}
	if report.PlainPerSecond, err = b.plain(ctx); err != nil {
		return nil, err
	}
	if err := b.settle(ctx, calls{}); err != nil {
		return nil, err
	}
	for _, k := range chosen {
		result, err := b.kind(ctx, k, nodes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.title, err)
		}
		report.Kinds = append(report.Kinds, result)
	}
	return report, nil
}

// kind measures the objects of one kind, from their creation until they are gone.
func (b *bench) kind(ctx context.Context, k kind, nodes []string) (Result, error) {
	out := Result{Kind: k.title}
	ctx, cancel := context.WithCancel(ctx) // which ends the watches
	defer cancel()
	follower, err := newFollower(ctx, b.client, k)
	if err != nil {
		return out, err
	}
	for i, p := range k.phases(b.Options, nodes) {
		fmt.Fprintf(b.Progress, "%d %s: %s\n", b.Objects, k.title, p.name)
		result, err := b.phase(ctx, follower, p)
		if err != nil {
			return out, fmt.Errorf("%s: %w", p.name, err)
		}
		out.Phases = append(out.Phases, result)
		if i == 0 {
			fmt.Fprintf(b.Progress, "%d %s: rest for %v\n", b.Objects, k.title, b.Rest)
			if out.Rest, err = b.rest(ctx); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// nodes are the names of the nodes by which pods select them.
func (b *bench) nodes(ctx context.Context) ([]string, error) {
	list, err := b.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		if n := &list.Items[i]; !n.Spec.Unschedulable && n.Labels[corev1.LabelHostname] != "" {
			names = append(names, n.Labels[corev1.LabelHostname])
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the cluster has no nodes for pods")
	}
	return names, nil
}

// prepare makes the namespace and waits for what controllers put into it.
func (b *bench) prepare(ctx context.Context) error {
	_, err := b.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for {
		_, err := b.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// plain measures writes that nobody reacts to: ConfigMaps.
func (b *bench) plain(ctx context.Context) (perSecond float64, err error) {
	begin := time.Now()
	err = b.each(ctx, plainWrites, func(ctx context.Context, i int) error {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name(i)}, Data: map[string]string{"a": "b"}}
		_, err := b.client.CoreV1().ConfigMaps(namespace).Create(ctx, m, metav1.CreateOptions{})
		return err
	})
	took := time.Since(begin)
	if err == nil {
		err = b.client.CoreV1().ConfigMaps(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	}
	return plainWrites / took.Seconds(), err
}

// each does something n times, a few at a time.
func (b *bench) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.Clients)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// phase changes every object, waits until all are as they should be and nobody writes any more, and counts.
func (b *bench) phase(ctx context.Context, f *follower, p phase) (Phase, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.Timeout, errors.New("not converged in time"))
	defer cancel()
	if _, err := b.log.read(calls{}); err != nil { // nodes always say something
		return Phase{}, err
	}
	b.log.refused = 0
	f.expect(b.Objects, p.done)
	before, err := b.cpu()
	if err != nil {
		return Phase{}, err
	}
	begin := time.Now()
	if err := b.each(ctx, b.Objects, func(ctx context.Context, i int) error { return p.act(ctx, b.client, i) }); err != nil {
		return Phase{}, err
	}
	if err := f.await(ctx, p.pods*b.Objects); err != nil {
		return Phase{}, err
	}
	out := Phase{Name: p.name, Took: time.Since(begin), Needs: p.needs, Minimum: total(p.needs) * b.Objects, calls: calls{}}
	if err := b.settle(ctx, out.calls); err != nil {
		return Phase{}, err
	}
	if out.CPU, err = b.since(before); err != nil {
		return Phase{}, err
	}
	out.Refused = b.log.refused
	out.sum()
	return out, nil
}

// settle reads the log until nobody has written for a while.
func (b *bench) settle(ctx context.Context, into calls) error {
	last, writes := time.Now(), into.sum(call.writes)
	for time.Since(last) < b.quiet {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := b.log.read(into); err != nil {
			return err
		}
		if now := into.sum(call.writes); now > writes {
			last, writes = time.Now(), now
		}
	}
	return nil
}

// rest watches the cluster do nothing.
func (b *bench) rest(ctx context.Context) (Rest, error) {
	out := Rest{calls: calls{}}
	if _, err := b.log.read(calls{}); err != nil {
		return out, err
	}
	before, err := b.cpu()
	if err != nil {
		return out, err
	}
	begin := time.Now()
	select {
	case <-ctx.Done():
		return out, ctx.Err()
	case <-time.After(b.Rest):
	}
	out.Took = time.Since(begin)
	if out.CPU, err = b.since(before); err != nil {
		return out, err
	}
	if out.Memory, err = b.memory(); err != nil {
		return out, err
	}
	_, err = b.log.read(out.calls)
	out.Writes = out.calls.sum(call.writes)
	out.Calls = out.calls.list()
	return out, err
}

// cpu is the processor time that each process has used.
func (b *bench) cpu() (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	for name, p := range b.programs {
		var err error
		if out[name], err = p.CPU(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *bench) since(before map[string]time.Duration) (map[string]time.Duration, error) {
	now, err := b.cpu()
	for name := range now {
		now[name] -= before[name]
	}
	return now, err
}

func (b *bench) memory() (map[string]int64, error) {
	out := map[string]int64{}
	for name, p := range b.programs {
		var err error
		if out[name], _, err = p.Memory(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
