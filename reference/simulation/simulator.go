package simulation

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// requestTimeout bounds every request, so that a server that hangs holds up no writer for long.
const requestTimeout = 15 * time.Second

// simulator is all nodes and pods of one process.
type simulator struct {
	o Options
	// client writes for nodes, podClient for pods.
	client, podClient kubernetes.Interface
	nodes             []*node
	byName            map[string]*node

	heartbeats, podWrites *agenda

	mu    sync.Mutex
	pods  map[types.UID]*pod
	specs map[string]*shared
}

// shared is a spec and how many pods have it.
type shared struct {
	spec  *spec
	key   string
	users int
}

func newSimulator(o Options, client, podClient kubernetes.Interface) *simulator {
	s := &simulator{
		o: o, client: client, podClient: podClient, byName: map[string]*node{},
		heartbeats: newAgenda(), podWrites: newAgenda(),
		pods: map[types.UID]*pod{}, specs: map[string]*shared{},
	}
	now := time.Now()
	for i := range o.Nodes {
		n := newNode(&o, i+1, now)
		s.nodes = append(s.nodes, n)
		s.byName[n.name] = n
	}
	return s
}

// run registers the nodes and simulates until ctx ends.
func (s *simulator) run(ctx context.Context) error {
	if err := s.register(ctx); err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Nodes registered", "nodes", len(s.nodes), "first", s.nodes[0].name, "last", s.nodes[len(s.nodes)-1].name)
	var group sync.WaitGroup
	group.Go(func() { s.heartbeats.run(ctx, s.o.HeartbeatWriters, s.heartbeat) })
	group.Go(func() { s.podWrites.run(ctx, s.o.Writers, s.write) })
	group.Go(func() { s.watchNodes(ctx) })
	group.Go(func() { s.watchPods(ctx) })
	group.Wait()
	return nil
}
