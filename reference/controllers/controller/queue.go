package controller

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Retries of a failed key start at firstRetry and double up to lastRetry. The
// ceiling is low enough that a user who lifts a quota sees pods within half a
// minute, and high enough that a hopeless key costs nothing.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Reconcile brings the object named by key to its desired state. A requeue
// above zero asks to be called again after that time; an error asks to be
// called again with back-off.
type Reconcile func(ctx context.Context, key types.NamespacedName) (requeue time.Duration, err error)

// Queue holds the keys a controller has yet to look at. A key is worked on by
// at most one worker at a time, and any number of additions while it waits are
// one piece of work.
type Queue struct {
	name  string
	queue workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// NewQueue returns an empty queue. The name is that of the controller; it
// labels the queue's metrics and log lines.
func NewQueue(name string) *Queue {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, lastRetry)
	return &Queue{
		name: name,
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[types.NamespacedName]{Name: name}),
	}
}

// Add asks for key to be looked at.
func (q *Queue) Add(key types.NamespacedName) { q.queue.Add(key) }

// AddAfter asks for key to be looked at after that time, or sooner if it is added meanwhile. Of several
// such wishes the earliest counts.
func (q *Queue) AddAfter(key types.NamespacedName, after time.Duration) { q.queue.AddAfter(key, after) }

// Run calls reconcile for the keys of the queue from so many workers until ctx
// ends, and returns when the last of them is done. It starts once every one of
// synced says true, so that no decision is made from a half-filled cache.
func (q *Queue) Run(ctx context.Context, workers int, reconcile Reconcile, synced ...cache.InformerSynced) {
	logger := klog.LoggerWithName(klog.FromContext(ctx), q.name)
	ctx = klog.NewContext(ctx, logger)
	defer q.queue.ShutDown()
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return
	}
	logger.V(1).Info("Running", "workers", workers)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for q.next(ctx, reconcile) {
			}
		})
	}
	<-ctx.Done()
	q.queue.ShutDown()
	running.Wait()
}

// next works on one key and says whether there can be another.
func (q *Queue) next(ctx context.Context, reconcile Reconcile) bool {
	key, shutdown := q.queue.Get()
	if shutdown {
		return false
	}
	defer q.queue.Done(key)
	requeue, err := attempt(ctx, key, reconcile)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		logFailure(ctx, key, err)
		q.queue.AddRateLimited(key)
	case requeue > 0:
		q.queue.Forget(key)
		q.queue.AddAfter(key, requeue)
	default:
		q.queue.Forget(key)
	}
	return true
}

// attempt turns a panic of one object's reconciliation into its error: one
// malformed object must not take every controller of the process down.
func attempt(ctx context.Context, key types.NamespacedName, reconcile Reconcile) (requeue time.Duration, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while reconciling %s: %v", key, r)
			klog.FromContext(ctx).Error(err, "Recovered", "stack", string(debug.Stack()))
		}
	}()
	return reconcile(ctx, key)
}

// logFailure keeps quiet about what is a normal part of optimistic concurrency
// and of namespaces that are going away.
func logFailure(ctx context.Context, key types.NamespacedName, err error) {
	logger := klog.FromContext(ctx)
	if apierrors.IsConflict(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		logger.V(2).Info("Trying again", "key", key, "reason", err)
		return
	}
	logger.Error(err, "Reconcile failed, trying again", "key", key)
}
