package scheduler

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/scheduler/queue"
)

// bind tells the API server where a pod goes. Until the answer is known the pod counts as
// placed; if it is a no, it is taken back. Before, its claims get their volumes.
func (s *scheduler) bind(ctx context.Context, it *queue.Item, node string, claims *binding) {
	pod := it.Pod.Object
	if claims != nil {
		s.bindClaims(ctx, it, node, claims)
		return
	}
	s.write(ctx, pod.UID, func(ctx context.Context) {
		err := s.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: node},
		}, metav1.CreateOptions{})
		if err == nil {
			s.recorder.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding",
				"Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, node)
			return
		}
		if ctx.Err() != nil {
			return
		}
		klog.FromContext(ctx).Error(err, "Binding refused", "pod", klog.KObj(pod), "node", node)
		s.inbox.send(func() { s.unbind(ctx, it, fmt.Errorf("binding to node %s: %w", node, err)) })
	})
}

// unbind takes back a placement that the API server did not accept.
func (s *scheduler) unbind(ctx context.Context, it *queue.Item, cause error) {
	pod := it.Pod.Object
	if s.queue.Get(pod.UID) != it {
		return // bound or deleted meanwhile, as the watch told
	}
	s.freed(s.snapshot.Remove(pod.UID))
	switch {
	case apierrors.IsNotFound(cause):
		// The pod or the node is gone. If it was the node, the pod stays and is tried again; if
		// the pod, the watch will say so and take it from the queue.
	case apierrors.IsConflict(cause):
		// Another one bound it, or replaced it; the watch will tell.
	default:
		s.report(ctx, pod, corev1.PodReasonSchedulerError, cause.Error())
	}
	s.queue.Failed(it, s.now())
}
