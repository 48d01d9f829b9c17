package fault

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// watchPods watches the round's pods. The API server ends watches whose clients are
// slow, as all are on a busy machine; this one goes on where it was then.
func (w *world) watchPods() (watch.Interface, error) {
	pods := w.Client.CoreV1().Pods(w.Namespace)
	now, err := pods.List(w.ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return watchtools.NewRetryWatcherWithContext(w.ctx, now.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return pods.Watch(ctx, options)
		},
	})
}

// inspect has the pods checked at every change, and tells the first thing wrong.
func inspect(ctx context.Context, events watch.Interface, check func([]*corev1.Pod) error, wrong chan<- error) {
	defer events.Stop()
	pods := map[types.UID]*corev1.Pod{}
	for event := range events.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok:
		case event.Type == watch.Deleted:
			delete(pods, pod.UID)
		default:
			pods[pod.UID] = pod
		}
		var now []*corev1.Pod
		for _, pod := range pods {
			now = append(now, pod)
		}
		if err := check(now); err != nil {
			wrong <- fmt.Errorf("while it ran: %w", err)
			return
		}
	}
	if ctx.Err() == nil {
		wrong <- errors.New("the watch of the pods has ended")
	}
}
