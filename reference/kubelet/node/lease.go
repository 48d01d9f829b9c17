package node

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

// The node's heartbeat (docs: reference/node/node-status, "Heartbeats").
const (
	leaseSeconds = 40
	leaseRenew   = 10 * time.Second
)

// Heartbeat renews the node's Lease in kube-node-lease until ctx ends.
func (s *Self) Heartbeat(ctx context.Context) {
	own := func(l *coordinationv1.Lease) error {
		// With its owner set, the Lease goes when the Node object goes.
		if n := s.Node(); n != nil && len(l.OwnerReferences) == 0 {
			l.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: v1.SchemeGroupVersion.String(), Kind: "Node", Name: n.Name, UID: n.UID,
			}}
		}
		return nil
	}
	lease.NewController(clock.RealClock{}, s.Client, s.Name, leaseSeconds, nil, leaseRenew,
		s.Name, v1.NamespaceNodeLease, own).Run(ctx)
}
