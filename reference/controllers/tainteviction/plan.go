package tainteviction

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
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

// tolerance says whether the taint is tolerated, and if so whether only for a
// number of seconds. A negative number is none.
func tolerance(tolerations []corev1.Toleration, taint corev1.Taint) (tolerated, limited bool, seconds int64) {
	for _, toleration := range tolerations {
		if !toleration.ToleratesTaint(klog.Background(), &taint, true) {
			continue
		}
		tolerated = true
		if toleration.TolerationSeconds == nil {
			continue
		}
		limit := max(0, *toleration.TolerationSeconds)
		if !limited || limit < seconds {
			limited, seconds = true, limit
		}
	}
	return tolerated, limited, seconds
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
