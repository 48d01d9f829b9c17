package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/ephemeral"
)

const claimIndex = "pods-by-claim"

// PodsByClaim makes the pod informer find pods by the PersistentVolumeClaims that their volumes name, and returns the
// function that does. It must be called before the informer is started.
func PodsByClaim(informer cache.SharedIndexInformer) func(claim types.NamespacedName) []*corev1.Pod {
	if _, there := informer.GetIndexer().GetIndexers()[claimIndex]; !there {
		// It fails only if another index has the name, which is ours.
		_ = informer.AddIndexers(cache.Indexers{claimIndex: func(obj any) ([]string, error) {
			var keys []string
			if pod, ok := obj.(*corev1.Pod); ok {
				for _, claim := range ClaimsOf(pod) {
					keys = append(keys, claim.String())
				}
			}
			return keys, nil
		}})
	}
	return func(claim types.NamespacedName) []*corev1.Pod {
		return Indexed[*corev1.Pod](informer, claimIndex, claim.String())
	}
}

// ClaimsOf are the PersistentVolumeClaims that the pod's volumes name, those of generic ephemeral volumes included.
func ClaimsOf(pod *corev1.Pod) []types.NamespacedName {
	var keys []types.NamespacedName
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			keys = append(keys, types.NamespacedName{Namespace: pod.Namespace, Name: v.PersistentVolumeClaim.ClaimName})
		case v.Ephemeral != nil:
			keys = append(keys, types.NamespacedName{Namespace: pod.Namespace, Name: ephemeral.VolumeClaimName(pod, v)})
		}
	}
	return keys
}

// Indexed returns the objects that an index of the informer has under key.
func Indexed[T any](informer cache.SharedIndexInformer, name, key string) []T {
	items, err := informer.GetIndexer().ByIndex(name, key)
	if err != nil {
		return nil // there is no such index
	}
	objects := make([]T, 0, len(items))
	for _, item := range items {
		if object, ok := item.(T); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// IndexBy is an index of the objects of type T.
func IndexBy[T any](keys func(T) []string) cache.IndexFunc {
	return func(obj any) ([]string, error) {
		if object, ok := obj.(T); ok {
			return keys(object), nil
		}
		return nil, nil
	}
}
