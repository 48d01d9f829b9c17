package pods

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	podutil "k8s.io/kubectl/pkg/util/podutils"
)

// namespace is where the pods are.
const namespace = "bench"

// follower watches the pods and notes when each was Ready first, and which there are.
type follower struct {
	mu      sync.Mutex
	ready   map[string]time.Time
	here    map[string]string // why each is not Ready, empty if it is
	changed chan struct{}     // closed and replaced when any of that changes
}

// follow begins to watch; it returns when the watch stands.
func follow(ctx context.Context, client kubernetes.Interface) (*follower, error) {
	f := &follower{ready: map[string]time.Time{}, here: map[string]string{}, changed: make(chan struct{})}
	_, control := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", namespace, fields.Everything()),
		ObjectType:    &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { f.see(o.(*corev1.Pod)) },
			UpdateFunc: func(_, o any) { f.see(o.(*corev1.Pod)) },
			DeleteFunc: func(o any) {
				if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
					f.gone(key.Name)
				}
			},
		},
	})
	go control.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), control.HasSynced) {
		return nil, context.Cause(ctx)
	}
	return f, nil
}

func (f *follower) see(pod *corev1.Pod) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	why := string(pod.Status.Phase) + " " + pod.Status.Reason
	if podutil.IsPodReady(pod) {
		why = ""
		if _, noted := f.ready[pod.Name]; !noted {
			f.ready[pod.Name] = now
		}
	}
	f.here[pod.Name] = why
	f.tell()
}

func (f *follower) gone(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.here, name)
	delete(f.ready, name)
	f.tell()
}

func (f *follower) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// wait returns when done says so of what is known, with the lock held; missing says what is wanted still.
func (f *follower) wait(ctx context.Context, done func() bool, missing func() string) error {
	for {
		f.mu.Lock()
		ok, changed := done(), f.changed
		f.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			f.mu.Lock()
			defer f.mu.Unlock()
			return fmt.Errorf("%w: %s", context.Cause(ctx), missing())
		case <-changed:
		}
	}
}

// allReady waits until all are Ready and returns when the last was.
func (f *follower) allReady(ctx context.Context, names []string) (last time.Time, err error) {
	err = f.wait(ctx, func() bool {
		for _, name := range names {
			at, ok := f.ready[name]
			if !ok {
				return false
			}
			if at.After(last) {
				last = at
			}
		}
		return true
	}, func() string {
		for _, name := range names {
			if _, ok := f.ready[name]; !ok {
				return fmt.Sprintf("pod %s is not Ready: %s", name, f.here[name])
			}
		}
		return ""
	})
	return last, err
}

// allGone waits until there are no pods.
func (f *follower) allGone(ctx context.Context) error {
	return f.wait(ctx, func() bool { return len(f.here) == 0 }, func() string { return fmt.Sprintf("%d pods are not gone", len(f.here)) })
}

// deleteAll deletes every pod and waits until the last has gone.
func (f *follower) deleteAll(ctx context.Context, client kubernetes.Interface) error {
	if err := client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		return err
	}
	return f.allGone(ctx)
}
