package plan

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// Deadline returns when the pod's activeDeadlineSeconds are over, false if it has none or has
// not started.
func Deadline(pod *v1.Pod, started time.Time) (time.Time, bool) {
	if pod.Spec.ActiveDeadlineSeconds == nil || started.IsZero() {
		return time.Time{}, false
	}
	return started.Add(time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second), true
}
