package sim

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// A pod that has ended and is held by a finalizer has no next stage: one without a pause would be taken again
// and again, while the time of the world stands still.
func TestAPodHeldByAFinalizerIsLeftAlone(t *testing.T) {
	at := metav1.Now()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "held", DeletionTimestamp: &at, DeletionGracePeriodSeconds: ptr.To[int64](0), Finalizers: []string{"example.com/hold"}}}
	n := &nodes{w: &World{}}
	if got := n.next(pod).stage; got != "stop" {
		t.Errorf("a pod that is to go and has not ended goes on to %q, want stop", got)
	}
	pod.Status.Phase = corev1.PodFailed
	if got := n.next(pod).stage; got != "" {
		t.Errorf("a held pod that has ended goes on to %q", got)
	}
	pod.Finalizers = nil
	if got := n.next(pod).stage; got != "stop" {
		t.Errorf("a pod that nobody holds any more goes on to %q, want stop", got)
	}
}

// Nor has a pod for which there is no node: it waits until one is back.
func TestAPodWithoutANodeWaits(t *testing.T) {
	n := &nodes{w: &World{}, all: []string{"node-0"}, lost: map[string]bool{"node-0": true}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "homeless"}}
	if got := n.next(pod).stage; got != "" {
		t.Errorf("with all nodes lost it goes on to %q", got)
	}
	n.lost["node-0"] = false
	if got := n.next(pod).stage; got != "schedule" {
		t.Errorf("with a node it goes on to %q, want schedule", got)
	}
}
