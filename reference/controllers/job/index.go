package job

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// A Job of 10,000 pods has few that matter at any time. So pods are found by the uid of their Job, and among them
// those that run or have still to be counted.
const (
	ofJob   = "pods-by-job"
	liveOf  = "live-pods-by-job"
	orphans = "pods-without-controller"
)

var indexers = cache.Indexers{
	ofJob: func(obj any) ([]string, error) { return byJob(obj, func(*corev1.Pod) bool { return true }) },
	liveOf: func(obj any) ([]string, error) {
		return byJob(obj, func(pod *corev1.Pod) bool { return !controller.IsFinished(pod) || isTracked(pod) })
	},
	orphans: func(obj any) ([]string, error) {
		if pod, ok := obj.(*corev1.Pod); ok && metav1.GetControllerOfNoCopy(pod) == nil {
			return []string{pod.Namespace}, nil
		}
		return nil, nil
	},
}

func byJob(obj any, wanted func(*corev1.Pod) bool) ([]string, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, nil
	}
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != kind.Kind || !wanted(pod) {
		return nil, nil
	}
	return []string{string(ref.UID)}, nil
}

// podsIn returns the pods of the informer that an index has under that value.
func podsIn(indexer cache.Indexer, index, value string) []*corev1.Pod {
	items, err := indexer.ByIndex(index, value)
	if err != nil {
		return nil // the index is ours, and it is there
	}
	pods := make([]*corev1.Pod, 0, len(items))
	for _, item := range items {
		if pod, ok := item.(*corev1.Pod); ok {
			pods = append(pods, pod)
		}
	}
	return pods
}
