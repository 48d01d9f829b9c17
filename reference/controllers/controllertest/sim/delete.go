package sim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// remove deletes the object, or marks it as to be deleted if a finalizer or a
// pod's grace period keeps it.
func (s *store) remove(actor string, resource schema.GroupVersionResource, key types.NamespacedName, options metav1.DeleteOptions) (*stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.get(resource, key)
	if before == nil {
		return nil, apierrors.NewNotFound(resource.GroupResource(), key.Name)
	}
	if err := agrees(resource, before, options.Preconditions); err != nil {
		return nil, err
	}
	after := clone(before.Object)
	seconds := gracePeriod(after, options)
	if options.PropagationPolicy != nil {
		// The last policy asked for counts.
		removeFinalizer(after, metav1.FinalizerDeleteDependents)
		removeFinalizer(after, metav1.FinalizerOrphanDependents)
		switch *options.PropagationPolicy {
		case metav1.DeletePropagationForeground:
			addFinalizer(after, metav1.FinalizerDeleteDependents)
		case metav1.DeletePropagationOrphan:
			addFinalizer(after, metav1.FinalizerOrphanDependents)
		}
	}
	if seconds == 0 && !held(after) {
		s.commit(actor, "delete", resource, before, nil)
		return before, nil
	}
	if after.GetDeletionTimestamp() == nil || seconds < grace(after) {
		if after.GetDeletionTimestamp() == nil {
			after.SetGeneration(after.GetGeneration() + 1)
		}
		after.SetDeletionTimestamp(&metav1.Time{Time: time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second)})
		after.SetDeletionGracePeriodSeconds(&seconds)
	}
	if ns, ok := after.(*corev1.Namespace); ok {
		ns.Status.Phase = corev1.NamespaceTerminating
	}
	if same(before.Object, after) {
		return before, nil
	}
	return s.commit(actor, "delete", resource, before, after), nil
}

func agrees(resource schema.GroupVersionResource, obj *stored, want *metav1.Preconditions) error {
	switch {
	case want == nil:
	case want.UID != nil && *want.UID != obj.GetUID():
		return apierrors.NewConflict(resource.GroupResource(), obj.GetName(),
			fmt.Errorf("Precondition failed: UID in precondition: %s, UID in object meta: %s", *want.UID, obj.GetUID())) //nolint:staticcheck // the API server's text
	case want.ResourceVersion != nil && *want.ResourceVersion != obj.GetResourceVersion():
		return conflict(resource, obj.GetName())
	}
	return nil
}

// gracePeriod is how many seconds the object has to end: none unless it is a pod
// that runs on a node.
func gracePeriod(obj Object, options metav1.DeleteOptions) int64 {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return 0
	}
	return ptr.Deref(options.GracePeriodSeconds, ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, 30))
}

// grace is what is left to an object that is being deleted.
func grace(obj Object) int64 { return ptr.Deref(obj.GetDeletionGracePeriodSeconds(), 0) }

func addFinalizer(obj Object, name string) {
	if !slices.Contains(obj.GetFinalizers(), name) {
		obj.SetFinalizers(append(slices.Clone(obj.GetFinalizers()), name))
	}
}

func removeFinalizer(obj Object, name string) {
	obj.SetFinalizers(slices.DeleteFunc(slices.Clone(obj.GetFinalizers()), func(f string) bool { return f == name }))
}
