package controllers

import (
	"context"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// follower watches the objects of the benchmark.
type follower struct {
	deployments, sets, pods cache.SharedIndexInformer
	changed                 chan struct{}

	mu sync.Mutex
	// pending are the objects that are not done, by name.
	pending map[string]bool
	done    func(*appsv1.Deployment) bool
}

func newFollower(ctx context.Context, client kubernetes.Interface) (*follower, error) {
	shared := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	f := &follower{deployments: shared.Apps().V1().Deployments().Informer(), sets: shared.Apps().V1().ReplicaSets().Informer(),
		pods: shared.Core().V1().Pods().Informer(), changed: make(chan struct{}, 1), pending: map[string]bool{}}
	tell := func() {
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
	_, err := f.deployments.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { f.see(o.(*appsv1.Deployment)); tell() }, UpdateFunc: func(_, o any) { f.see(o.(*appsv1.Deployment)); tell() },
		DeleteFunc: func(any) { tell() },
	})
	for _, i := range []cache.SharedIndexInformer{f.sets, f.pods} {
		if err == nil {
			_, err = i.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { tell() }, DeleteFunc: func(any) { tell() }})
		}
	}
	if err != nil {
		return nil, err
	}
	shared.StartWithContext(ctx)
	for _, synced := range shared.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, context.Cause(ctx)
		}
	}
	return f, nil
}

func (f *follower) see(d *appsv1.Deployment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil && f.done(d) {
		delete(f.pending, d.Name)
	}
}

// expect makes all objects pending until done says otherwise; without done it is their absence that is awaited.
func (f *follower) expect(objects int, done func(*appsv1.Deployment) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = done
	f.pending = map[string]bool{}
	for i := range objects {
		if done != nil {
			f.pending[name(i)] = true
		}
	}
}

// await returns when nothing is pending, there are so many pods, and for a phase without done nothing else.
func (f *follower) await(ctx context.Context, pods int) error {
	for {
		f.mu.Lock()
		pending, gone := len(f.pending), f.done == nil
		f.mu.Unlock()
		if pending == 0 && len(f.pods.GetStore().ListKeys()) == pods &&
			(!gone || len(f.deployments.GetStore().ListKeys())+len(f.sets.GetStore().ListKeys()) == 0) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.changed:
		}
		time.Sleep(10 * time.Millisecond) // not for each of many events
	}
}
