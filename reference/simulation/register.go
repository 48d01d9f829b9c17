package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"
)

// register makes the nodes known, or finds them as the last simulator left them, and plans their heartbeats.
func (s *simulator) register(ctx context.Context) error {
	known, leases := map[string]*corev1.Node{}, map[string]*coordinationv1.Lease{}
	err := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return s.client.CoreV1().Nodes().List(ctx, o)
	}).EachListItem(ctx, metav1.ListOptions{LabelSelector: NodeLabel}, func(o runtime.Object) error {
		n := o.(*corev1.Node)
		n.ManagedFields, n.Status.Images = nil, nil
		known[n.Name] = n
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the nodes: %w", err)
	}
	err = pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return s.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(ctx, o)
	}).EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		l := o.(*coordinationv1.Lease)
		l.ManagedFields = nil
		leases[l.Name] = l
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the Leases: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(s.o.HeartbeatWriters)
	for _, n := range s.nodes {
		n.lease = leases[n.name]
		group.Go(func() error {
			if err := s.registerNode(groupCtx, n, known[n.name]); err != nil {
				return fmt.Errorf("register node %s: %w", n.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	s.spread(time.Now())
	return nil
}

// spread plans the first heartbeats so that at no time many nodes have theirs: each in its turn. A node
// that is not ready as yet does not wait.
func (s *simulator) spread(now time.Time) {
	for i, n := range s.nodes {
		part := float64(i) / float64(len(s.nodes))
		s.heartbeats.plan(&n.beat, now.Add(time.Duration(part*float64(s.o.LeaseRenew))))
		report := now.Add(time.Duration(part * float64(s.o.StatusReport)))
		if !n.ready {
			report = now
		}
		s.heartbeats.plan(&n.report, report)
	}
}

// registerNode creates the Node, or gives the one that is there what is missing of its labels.
func (s *simulator) registerNode(ctx context.Context, n *node, known *corev1.Node) error {
	now := time.Now()
	if known == nil {
		n.since = now
		created, err := s.client.CoreV1().Nodes().Create(ctx, s.o.object(n, now), metav1.CreateOptions{})
		if err == nil {
			n.uid, n.ready = created.UID, true
			return nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		// One without our mark: it may be a real one.
		return fmt.Errorf("a node of that name exists that is not simulated")
	}
	n.uid, n.silenced = known.UID, known.Annotations[Silent] == "true"
	n.ready, n.since = isReady(known)
	labels := map[string]string{}
	for key, value := range s.o.labels(n) {
		if known.Labels[key] != value {
			labels[key] = value
		}
	}
	if len(labels) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": known.UID, "labels": labels}})
	if err != nil {
		return err
	}
	_, err = s.client.CoreV1().Nodes().Patch(ctx, n.name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
