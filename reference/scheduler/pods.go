package scheduler

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
)

// setPod takes in a pod as the watch tells it, new or changed.
func (s *scheduler) setPod(ctx context.Context, pod *corev1.Pod) {
	switch {
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		s.removePod(pod.UID) // finished pods use nothing
	case pod.Spec.NodeName != "":
		s.setBound(pod)
	case pod.DeletionTimestamp != nil:
		s.removePod(pod.UID)
	case pod.Spec.SchedulerName == s.name:
		s.setUnbound(ctx, pod)
	}
}

func (s *scheduler) setBound(pod *corev1.Pod) {
	s.queue.Delete(pod.UID)
	before, at, known := s.snapshot.Placed(pod.UID)
	after := placement.NewPod(pod)
	s.snapshot.Place(after, pod.Spec.NodeName)
	switch {
	case !known:
	case at != pod.Spec.NodeName: // bound by someone else while we wanted it elsewhere
		s.freed(s.snapshot.Node(at))
	case !apiequality.Semantic.DeepEqual(before.Requests, after.Requests): // resized
		s.freed(s.snapshot.Node(at))
	}
}

func (s *scheduler) setUnbound(ctx context.Context, pod *corev1.Pod) {
	changed := false
	if it := s.queue.Get(pod.UID); it != nil {
		before := it.Pod.Object
		changed = !apiequality.Semantic.DeepEqual(before.Labels, pod.Labels) ||
			!apiequality.Semantic.DeepEqual(before.Spec, pod.Spec)
	}
	s.queue.Set(placement.NewPod(pod), changed, s.now())
	if len(pod.Spec.SchedulingGates) > 0 {
		s.setCondition(ctx, pod, corev1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates")
	}
}

// removePod forgets a pod that is gone, finished, or never to be placed.
func (s *scheduler) removePod(uid types.UID) {
	s.release(uid)
	s.queue.Delete(uid)
	s.freed(s.snapshot.Remove(uid))
}

// setNode takes in a node, new or changed.
func (s *scheduler) setNode(node *corev1.Node) { s.freed(s.snapshot.SetNode(node)) }

// freed has those pods tried again that would now fit on a node which changed. Every filter
// looks at one node only, so no other pod can gain from the change.
func (s *scheduler) freed(n *placement.Node) {
	if n == nil || n.Object == nil {
		return
	}
	s.queue.Wake(s.now(), func(p *placement.Pod) bool { return placement.Fits(p, n) })
}
