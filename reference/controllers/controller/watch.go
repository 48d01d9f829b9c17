package controller

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Object is a pointer to an API object, such as *corev1.Pod.
type Object interface {
	comparable
	metav1.Object
}

// Watch calls changed for every object of the informer that comes, changes or
// goes. For a new object before is nil, for a deleted one now is. Periodic
// resyncs, where nothing has changed, are not reported. The result says whether
// changed has been called for everything that was there at first.
func Watch[T Object](informer cache.SharedIndexInformer, changed func(before, now T)) cache.InformerSynced {
	var none T
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if now, ok := unwrap[T](obj); ok {
				changed(none, now)
			}
		},
		UpdateFunc: func(old, obj any) {
			before, ok := unwrap[T](old)
			now, alsoOK := unwrap[T](obj)
			if ok && alsoOK && !sameVersion(before, now) {
				changed(before, now)
			}
		},
		DeleteFunc: func(obj any) {
			if before, ok := unwrap[T](obj); ok {
				changed(before, none)
			}
		},
	})
	if err != nil {
		// The informer has been stopped, so the process is ending and there is
		// nothing left to wait for.
		return func() bool { return false }
	}
	return registration.HasSynced
}

// WatchKeys adds the key of every object of the informer that comes, changes
// or goes to the queue.
func WatchKeys[T Object](informer cache.SharedIndexInformer, queue *Queue) cache.InformerSynced {
	return Watch(informer, func(before, now T) { queue.Add(Key(Either(before, now))) })
}

// sameVersion reports a resync. Objects without a resource version, as tests
// make them, are always taken as changed.
func sameVersion(a, b metav1.Object) bool {
	return a.GetResourceVersion() != "" && a.GetResourceVersion() == b.GetResourceVersion()
}

// unwrap returns what an informer hands out as a T, also where it is the last
// known state of an object whose deletion was missed.
func unwrap[T metav1.Object](obj any) (T, bool) {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	t, ok := obj.(T)
	return t, ok
}

// Key is the name under which a queue knows an object.
func Key(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// Either returns now, or before if the object is gone.
func Either[T Object](before, now T) T {
	var none T
	if now == none {
		return before
	}
	return now
}
