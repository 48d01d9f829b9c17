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

// Heartbeat renews the node's Lease in kube-node-lease until ctx ends (docs: reference/node/node-status, "Heartbeats").
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
	lease.NewController(clock.RealClock{}, s.Client, s.Name, s.Timing.LeaseSeconds, nil, time.Duration(s.Timing.LeaseSeconds)*time.Second/4,
		s.Name, v1.NamespaceNodeLease, own).Run(ctx)
}
