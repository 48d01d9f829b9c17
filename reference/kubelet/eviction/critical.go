package eviction

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// systemCritical is the priority from which on pods are critical (PriorityClass system-cluster-critical).
const systemCritical = 2_000_000_000

// Where a pod comes from, and the pod that stands for a static one at the API server.
const (
	sourceAnnotation = "kubernetes.io/config.source"
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// Critical tells whether the pod is never evicted: static pods, their mirrors and pods of a system priority class.
func Critical(pod *v1.Pod) bool {
	if source, ok := pod.Annotations[sourceAnnotation]; ok && source != "api" {
		return true
	}
	if _, ok := pod.Annotations[mirrorAnnotation]; ok {
		return true
	}
	return priority(pod) >= systemCritical
}

// Refuses tells why a node under the conditions does not take the pod on, empty if it does: under memory
// pressure alone only best-effort pods are refused that do not tolerate it.
func Refuses(conditions []v1.NodeConditionType, pod *v1.Pod, qos v1.PodQOSClass) string {
	if len(conditions) == 0 || Critical(pod) {
		return ""
	}
	if len(conditions) == 1 && conditions[0] == v1.NodeMemoryPressure {
		taint := v1.Taint{Key: v1.TaintNodeMemoryPressure, Effect: v1.TaintEffectNoSchedule}
		if qos != v1.PodQOSBestEffort || schedulinghelper.TolerationsTolerateTaint(klog.Background(), pod.Spec.Tolerations, &taint, false) {
			return ""
		}
	}
	return fmt.Sprintf("The node had condition: %v. ", conditions)
}
