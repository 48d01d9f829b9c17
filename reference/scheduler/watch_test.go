package scheduler

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A pod that is replaced by another of the same name between two looks frees what it used.
func TestReplacedPodIsTwoPods(t *testing.T) {
	s := newScheduler(Options{SchedulerName: corev1.DefaultSchedulerName}, nil, nil)
	s.setNode(node("node-1", "1"))
	h := handler(s.inbox, func(o any) { s.setPod(t.Context(), o.(*corev1.Pod)) }, func(o any) { s.removePod(o.(*corev1.Pod).UID) })
	old := pod("web", "1")
	old.Spec.NodeName = "node-1"
	h.OnAdd(old, true)
	fresh := pod("web", "1")
	fresh.UID = types.UID("another")
	h.OnUpdate(old, fresh)
	for _, change := range s.inbox.take() {
		change()
	}
	if n := s.snapshot.Node("node-1"); n.Pods() != 0 {
		t.Errorf("the node still has %d pods", n.Pods())
	}
	if s.queue.Get("another") == nil {
		t.Error("the new pod is not in the queue")
	}
}

// A pod that is bound elsewhere than we took it to go, or finishes, frees its node for others.
func TestPodsLeaveTheirNodes(t *testing.T) {
	s := newScheduler(Options{SchedulerName: corev1.DefaultSchedulerName}, nil, nil)
	s.setNode(node("node-1", "1"))
	s.setNode(node("node-2", "1"))
	p := pod("web", "1")
	s.setPod(t.Context(), p)
	it := s.queue.Pop(s.now())
	s.snapshot.Place(it.Pod, "node-1")

	elsewhere := pod("web", "1")
	elsewhere.Spec.NodeName = "node-2"
	s.setPod(t.Context(), elsewhere)
	if a, b := s.snapshot.Node("node-1").Pods(), s.snapshot.Node("node-2").Pods(); a != 0 || b != 1 {
		t.Errorf("pods on the nodes: %d and %d, want 0 and 1", a, b)
	}
	finished := pod("web", "1")
	finished.Spec.NodeName, finished.Status.Phase = "node-2", corev1.PodSucceeded
	s.setPod(t.Context(), finished)
	if n := s.snapshot.Node("node-2").Pods(); n != 0 {
		t.Errorf("a finished pod counts: %d", n)
	}
}
