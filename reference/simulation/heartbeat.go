package simulation

import (
	"context"
	"encoding/json"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// retryHeartbeat is how soon a heartbeat is tried again that failed.
const retryHeartbeat = 2 * time.Second

// heartbeat does what is due for a node, and returns when it is again.
func (s *simulator) heartbeat(ctx context.Context, j job) time.Time {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	switch j := j.(type) {
	case *beat:
		return s.renew(ctx, j.node)
	case *report:
		return s.report(ctx, j.node)
	}
	return time.Time{}
}

// following is the next time in a rhythm after one that was due at last, so that nodes keep their turns.
func following(last, now time.Time, period time.Duration) time.Time {
	next := last.Add(period)
	if late := now.Sub(next); late > 0 {
		next = next.Add((late/period + 1) * period)
	}
	return next
}

// renew renews the node's Lease, as a kubelet does.
func (s *simulator) renew(ctx context.Context, n *node) time.Time {
	s.mu.Lock()
	if !n.acts(time.Now()) {
		s.mu.Unlock()
		return time.Time{}
	}
	lease, isNew := n.lease, n.lease == nil
	if isNew {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Name: n.name, Namespace: corev1.NamespaceNodeLease,
			// With its owner set, the Lease goes when the Node object goes.
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: n.name, UID: n.uid}},
		}}
	} else {
		lease = lease.DeepCopy()
	}
	s.mu.Unlock()
	lease.Spec.HolderIdentity = &n.name
	lease.Spec.LeaseDurationSeconds = ptr.To(int32(s.o.LeaseDuration / time.Second))
	lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}

	leases := s.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	var got *coordinationv1.Lease
	var err error
	if isNew {
		got, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		got, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	now := time.Now()
	switch {
	case err == nil:
		got.ManagedFields = nil // an update without them keeps them
		s.keepLease(n, got)
		return following(n.beat.at, now, s.o.LeaseRenew)
	case apierrors.IsNotFound(err):
		s.keepLease(n, nil)
		return now
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		if got, err = leases.Get(ctx, n.name, metav1.GetOptions{}); err == nil {
			got.ManagedFields = nil
			s.keepLease(n, got)
			return now
		}
	}
	return s.later(ctx, err, "Cannot renew a Lease", n)
}

func (s *simulator) keepLease(n *node, l *coordinationv1.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.lease = l
}

// report writes the node's status.
func (s *simulator) report(ctx context.Context, n *node) time.Time {
	now := time.Now()
	s.mu.Lock()
	if !n.acts(now) {
		s.mu.Unlock()
		return time.Time{}
	}
	if !n.ready {
		n.since = now
	}
	status, uid := s.o.status(n, now), n.uid
	s.mu.Unlock()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": uid}, "status": status})
	if err == nil {
		_, err = s.client.CoreV1().Nodes().Patch(ctx, n.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	switch {
	case err == nil:
		s.mu.Lock()
		n.ready = true
		s.mu.Unlock()
		return following(n.report.at, now, s.o.StatusReport)
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return following(n.report.at, now, s.o.StatusReport) // the watch tells whether it is gone
	}
	return s.later(ctx, err, "Cannot report a node's status", n)
}

func (s *simulator) later(ctx context.Context, err error, what string, n *node) time.Time {
	if ctx.Err() == nil {
		klog.FromContext(ctx).Info(what, "node", n.name, "err", err)
	}
	return time.Now().Add(retryHeartbeat)
}
