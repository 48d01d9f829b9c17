package simulation

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// watchNodes follows what others do to the nodes, until ctx ends.
func (s *simulator) watchNodes(ctx context.Context) {
	nodes := s.client.CoreV1().Nodes()
	follow(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = NodeLabel
			return nodes.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = NodeLabel
			return nodes.Watch(ctx, o)
		},
	}, s.client, &corev1.Node{}, &sink[*corev1.Node]{
		seen: s.nodeSeen, gone: func(n *corev1.Node) { s.nodeGone(n.Name) },
		all: func(list map[string]bool) {
			for _, n := range s.nodes {
				if !list[n.name] {
					s.nodeGone(n.name)
				}
			}
		},
		key: func(n *corev1.Node) string { return n.Name },
	})
}

// nodeSeen notes what the API server says of a node. One that others have marked as not ready says at
// once that it is; one that is no longer silenced takes everything up again.
func (s *simulator) nodeSeen(o *corev1.Node) {
	n := s.byName[o.Name]
	if n == nil {
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	acted := n.acts(now)
	n.gone, n.uid, n.silenced = false, o.UID, o.Annotations[Silent] == "true"
	if ready, since := isReady(o); ready {
		n.ready, n.since = true, since
	} else {
		n.ready = false
	}
	if !n.acts(now) {
		return
	}
	if !n.ready || !acted {
		s.heartbeats.plan(&n.report, now)
	}
	if !acted {
		s.heartbeats.plan(&n.beat, now)
		for _, p := range s.pods {
			if p.node == n {
				s.podWrites.plan(p, p.due(&s.o, now))
			}
		}
	}
}

// nodeGone silences a node whose object was deleted, as that of a kubelet that has been taken away.
// It comes back when a node of its name is created, or the simulator starts anew.
func (s *simulator) nodeGone(name string) {
	n := s.byName[name]
	if n == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n.gone, n.lease, n.ready = true, nil, false
}
