package tainteviction

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/controllers/eviction"
)

// deadline is when the pod has to leave its node because of the taints; ok is
// false if it may stay. For each taint, the shortest of the tolerations that
// match it counts from the time since says, or from when the pod came if that is
// later.
func deadline(pod *corev1.Pod, taints []corev1.Taint, since func(corev1.Taint) time.Time) (at time.Time, ok bool) {
	for _, taint := range noExecute(taints) {
		tolerated, limited, seconds := tolerance(pod.Spec.Tolerations, taint)
		if tolerated && !limited {
			continue
		}
		start := since(taint)
		if came := arrival(pod); came.After(start) {
			start = came
		}
		if !tolerated {
			start, seconds = time.Time{}, 0 // long overdue
		}
		if leave := start.Add(time.Duration(seconds) * time.Second); !ok || leave.Before(at) {
			at, ok = leave, true
		}
	}
	return at, ok
}

func tolerance(tolerations []corev1.Toleration, taint corev1.Taint) (tolerated, limited bool, seconds int64) {
	return eviction.Tolerance(tolerations,
		func(t *corev1.Toleration) bool { return t.ToleratesTaint(klog.Background(), &taint, true) },
		func(t *corev1.Toleration) *int64 { return t.TolerationSeconds })
}

// arrival is when the pod was bound to its node.
func arrival(pod *corev1.Pod) time.Time {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

func noExecute(taints []corev1.Taint) []corev1.Taint {
	var found []corev1.Taint
	for _, taint := range taints {
		if taint.Effect == corev1.TaintEffectNoExecute {
			found = append(found, taint)
		}
	}
	return found
}
