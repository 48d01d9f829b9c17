package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// follower watches the objects of one kind, and what is theirs.
type follower struct {
	objects, pods cache.SharedIndexInformer
	theirs        []cache.SharedIndexInformer
	changed       chan struct{}

	mu sync.Mutex
	// pending are the objects that are not done, by name.
	pending map[string]bool
	done    func(metav1.Object) bool
}

func newFollower(ctx context.Context, client kubernetes.Interface, k kind) (*follower, error) {
	shared := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	f := &follower{pods: shared.Core().V1().Pods().Informer(), changed: make(chan struct{}, 1), pending: map[string]bool{}}
	f.objects, f.theirs = k.watch(shared)
	tell := func() {
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
	_, err := f.objects.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { f.see(o); tell() }, UpdateFunc: func(_, o any) { f.see(o); tell() }, DeleteFunc: func(any) { tell() },
	})
	for _, i := range append([]cache.SharedIndexInformer{f.pods}, f.theirs...) {
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

func (f *follower) see(o any) {
	object, err := meta.Accessor(o)
	if err != nil {
		return // an informer has nothing but objects
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil && f.done(object) {
		delete(f.pending, object.GetName())
	}
}

// expect makes all objects pending until done says otherwise; without done it is their absence that is awaited.
func (f *follower) expect(objects int, done func(metav1.Object) bool) {
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
			(!gone || f.left() == 0) {
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

// left is how many objects there are, and of what is theirs.
func (f *follower) left() int {
	n := len(f.objects.GetStore().ListKeys())
	for _, i := range f.theirs {
		n += len(i.GetStore().ListKeys())
	}
	return n
}
