package sim

import (
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// sweep is how long after a change the garbage is collected.
const sweep = 200 * time.Millisecond

// collect deletes what has lost its owners, for as long as the world lasts.
func (w *World) collect() {
	for {
		changed := w.store.waiting()
		w.sweep()
		select {
		case <-changed:
			time.Sleep(sweep)
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *World) sweep() {
	objects := *w.store.objects.Load()
	living := map[types.UID]*stored{}
	dependents := map[types.UID]int{}
	resources := slices.SortedFunc(maps.Keys(objects), func(a, b schema.GroupVersionResource) int {
		return slices.Compare([]byte(a.String()), []byte(b.String()))
	})
	for _, resource := range resources {
		for _, obj := range objects[resource] {
			living[obj.GetUID()] = obj
			for _, owner := range obj.GetOwnerReferences() {
				dependents[owner.UID]++
			}
		}
	}
	for _, resource := range resources {
		for _, obj := range w.store.list(resource, "") {
			w.judge(resource, obj, living, dependents[obj.GetUID()])
		}
	}
}

// judge does what the garbage collector does about one object.
func (w *World) judge(resource schema.GroupVersionResource, obj *stored, living map[types.UID]*stored, dependents int) {
	orphaned, lost, foreground := []types.UID{}, 0, false
	for _, ref := range obj.GetOwnerReferences() {
		owner := living[ref.UID]
		switch {
		case owner == nil:
			lost++
		case owner.GetDeletionTimestamp() != nil && slices.Contains(owner.GetFinalizers(), metav1.FinalizerOrphanDependents):
			orphaned = append(orphaned, ref.UID)
		case owner.GetDeletionTimestamp() != nil && slices.Contains(owner.GetFinalizers(), metav1.FinalizerDeleteDependents):
			foreground = true
		}
	}
	owners := len(obj.GetOwnerReferences())
	switch {
	case len(orphaned) > 0:
		_, _ = w.store.update(Garbage, "patch", resource, keyOf(obj), "", func(old Object) (Object, error) {
			old.SetOwnerReferences(slices.DeleteFunc(slices.Clone(old.GetOwnerReferences()), func(ref metav1.OwnerReference) bool {
				return slices.Contains(orphaned, ref.UID)
			}))
			return old, nil
		})
	case owners > 0 && (lost == owners || foreground) && obj.GetDeletionTimestamp() == nil:
		uid := obj.GetUID()
		_, _ = w.store.remove(Garbage, resource, keyOf(obj), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	case obj.GetDeletionTimestamp() != nil && dependents == 0:
		for _, finalizer := range []string{metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents} {
			if slices.Contains(obj.GetFinalizers(), finalizer) {
				_, _ = w.store.update(Garbage, "patch", resource, keyOf(obj), "", func(old Object) (Object, error) {
					removeFinalizer(old, finalizer)
					return old, nil
				})
			}
		}
	}
}
