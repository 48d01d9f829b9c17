package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

const nodeIndex = "pods-by-node"

// PodsByNode makes the pod informer find pods by their node, and returns the
// function that does. It must be called before the informer is started.
func PodsByNode(informer cache.SharedIndexInformer) func(node string) []*corev1.Pod {
	if _, there := informer.GetIndexer().GetIndexers()[nodeIndex]; !there {
		// It fails only if another index has the name, which is ours.
		_ = informer.AddIndexers(cache.Indexers{nodeIndex: nodeOf})
	}
	return func(node string) []*corev1.Pod {
		items, err := informer.GetIndexer().ByIndex(nodeIndex, node)
		if err != nil {
			return nil
		}
		pods := make([]*corev1.Pod, 0, len(items))
		for _, item := range items {
			if pod, ok := item.(*corev1.Pod); ok {
				pods = append(pods, pod)
			}
		}
		return pods
	}
}

func nodeOf(obj any) ([]string, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return nil, nil
	}
	return []string{pod.Spec.NodeName}, nil
}
