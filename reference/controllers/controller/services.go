package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	endpointsliceutil "k8s.io/endpointslice/util"
)

// ServicesOf returns the Services that select the pod, or did, if the change from before to now
// matters to their endpoints. One of before and now may be nil: the pod is new, or gone.
func ServicesOf(services corelisters.ServiceLister, before, now *corev1.Pod) []types.NamespacedName {
	// The library tells nil interfaces from nil pointers.
	var old, obj any
	if before != nil {
		old = before
	}
	if now != nil {
		obj = now
	}
	keys, err := endpointsliceutil.GetServicesToUpdate(services, endpointsliceutil.GetPodUpdateProjectionKey(old, obj))
	if err != nil {
		return nil // a lister reads memory; it does not fail
	}
	var names []types.NamespacedName
	for key := range keys {
		if name, err := cache.ParseObjectName(key); err == nil {
			names = append(names, types.NamespacedName{Namespace: name.Namespace, Name: name.Name})
		}
	}
	return names
}
