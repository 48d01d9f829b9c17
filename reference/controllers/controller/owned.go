package controller

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

const ownerIndex = "by-controller"

// ByController makes the informer find objects by their controller, and returns
// the function that returns what an owner may have to do with: what it controls,
// and the orphans of its namespace, which it might adopt. It must be called
// before the informer is started.
func ByController[T Object](informer cache.SharedIndexInformer) func(owner metav1.Object) []T {
	if _, there := informer.GetIndexer().GetIndexers()[ownerIndex]; !there {
		// It fails only if another index has the name, which is ours.
		_ = informer.AddIndexers(cache.Indexers{ownerIndex: controllerOf})
	}
	return func(owner metav1.Object) []T {
		var objects []T
		for _, value := range []string{owned(owner), orphans(owner.GetNamespace())} {
			items, err := informer.GetIndexer().ByIndex(ownerIndex, value)
			if err != nil {
				return nil
			}
			for _, item := range items {
				if object, ok := item.(T); ok {
					objects = append(objects, object)
				}
			}
		}
		return objects
	}
}

func controllerOf(obj any) ([]string, error) {
	object, ok := obj.(metav1.Object)
	if !ok {
		return nil, nil
	}
	if ref := metav1.GetControllerOfNoCopy(object); ref != nil {
		return []string{object.GetNamespace() + "/" + string(ref.UID)}, nil
	}
	return []string{orphans(object.GetNamespace())}, nil
}

func owned(owner metav1.Object) string { return owner.GetNamespace() + "/" + string(owner.GetUID()) }

// orphans is the index value of what has no controller; no uid is empty.
func orphans(namespace string) string { return namespace + "/" }
