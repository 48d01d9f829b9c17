// Package scheduler binds pods to nodes. One goroutine owns all state: it takes changes from the
// watches, keeps the picture of the cluster up to date, picks the next pod from the queue, asks
// package placement where it should go and takes it as placed there at once; binding, conditions
// and events go to the API server behind its back.
package scheduler

import (
	"context"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
	"github.com/etalon-dev/etalon/reference/scheduler/queue"
)

// scheduler is the state of one scheduler. All fields below inbox belong to the goroutine in loop.
type scheduler struct {
	name     string
	client   kubernetes.Interface
	recorder events.EventRecorder
	inbox    *inbox
	now      func() time.Time
	writes   chan struct{} // bounds the requests under way

	snapshot *placement.Snapshot
	queue    *queue.Queue
	ties     *rand.Rand
	pending  map[types.UID]<-chan struct{} // by pod: closed when its last request is done
	storage  *storage
}

// maxWrites bounds the requests to the API server that are under way at one time.
const maxWrites = 128

func newScheduler(o Options, client kubernetes.Interface, recorder events.EventRecorder) *scheduler {
	seed := o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &scheduler{
		name:     o.SchedulerName,
		client:   client,
		recorder: recorder,
		inbox:    newInbox(),
		now:      time.Now,
		writes:   make(chan struct{}, maxWrites),
		snapshot: placement.NewSnapshot(),
		queue:    queue.New(),
		ties:     rand.New(rand.NewPCG(seed, seed)),
		pending:  map[types.UID]<-chan struct{}{},
		storage:  newStorage(),
	}
}

// loop works until the context ends.
func (s *scheduler) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		for _, change := range s.inbox.take() {
			change()
		}
		now := s.now()
		if it := s.queue.Pop(now); it != nil {
			s.try(ctx, it, now)
			continue
		}
		var wake <-chan time.Time
		if next, ok := s.queue.Next(); ok {
			timer.Reset(next.Sub(now))
			wake = timer.C
		}
		select {
		case <-ctx.Done():
		case <-s.inbox.ready:
		case <-wake:
		}
	}
}

// try finds a node for a pod and has it bound, or tells why there is none.
func (s *scheduler) try(ctx context.Context, it *queue.Item, now time.Time) {
	node, volumes, err := s.place(it.Pod)
	logger := klog.FromContext(ctx).WithValues("pod", klog.KObj(it.Pod.Object))
	if err != nil {
		logger.V(2).Info("No node fits", "reason", err.Error(), "attempts", it.Attempts)
		s.queue.Unfit(it, now)
		s.reportUnschedulable(ctx, it.Pod.Object, err.Error())
		return
	}
	logger.V(3).Info("Placed", "node", node, "attempts", it.Attempts)
	s.snapshot.Place(it.Pod, node)
	s.bind(ctx, it, node, s.take(it.Pod.Object, volumes, node))
}

// place finds a node for a pod that its volumes allow.
func (s *scheduler) place(pod *placement.Pod) (node string, volumes *podVolumes, err error) {
	volumes, why := s.volumesOf(pod.Object)
	switch {
	case why != "":
		err = placement.Refuse(s.snapshot, pod, why)
	case volumes != nil:
		node, err = placement.Schedule(s.snapshot, pod.With(volumes), s.ties)
	default:
		node, err = placement.Schedule(s.snapshot, pod, s.ties)
	}
	return node, volumes, err
}
