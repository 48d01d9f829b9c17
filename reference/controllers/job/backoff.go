package job

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// After a failure the next pod waits for firstDelay, after each further one twice as long, up to lastDelay.
const (
	firstDelay = 10 * time.Second
	lastDelay  = 6 * time.Minute
)

// delay is how long to wait after so many failures in a row.
func delay(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	wait := firstDelay
	for i := 1; i < failures && wait < lastDelay; i++ {
		wait *= 2
	}
	return min(wait, lastDelay)
}

// remaining is what is left of the delay after so many failures, the last of them at that time. A time in the
// future, as clocks of nodes have it, is taken for now.
func remaining(failures int, last, now time.Time) time.Duration {
	if last.After(now) {
		last = now
	}
	return max(0, delay(failures)-now.Sub(last))
}

// failures remembers the failures of a Job's pods since its last success. To be told of a pod again changes
// nothing, so it can be filled from whatever pods are in sight, also after a restart.
type failures struct {
	at          map[types.UID]time.Time
	lastSuccess time.Time
}

// observe takes note of the pods that have ended.
func (f *failures) observe(pods []*corev1.Pod, failed func(*corev1.Pod) bool) {
	if f.at == nil {
		f.at = map[types.UID]time.Time{}
	}
	for _, pod := range pods {
		ended := endedAt(pod)
		switch {
		case pod.Status.Phase == corev1.PodSucceeded:
			if ended.After(f.lastSuccess) {
				f.lastSuccess = ended
			}
		case failed(pod):
			if _, known := f.at[pod.UID]; !known {
				f.at[pod.UID] = ended
			}
		}
	}
	for uid, ended := range f.at {
		if !ended.After(f.lastSuccess) {
			delete(f.at, uid)
		}
	}
}

// wait is how long no pod should be created.
func (f *failures) wait(now time.Time) time.Duration {
	var last time.Time
	for _, ended := range f.at {
		if ended.After(last) {
			last = ended
		}
	}
	return remaining(len(f.at), last, now)
}

// endedAt is when the pod's last container ended, as well as it is known: when it ceased to be ready, or was
// told to go, or else was made.
func endedAt(pod *corev1.Pod) time.Time {
	var last time.Time
	for i := range pod.Status.ContainerStatuses {
		ended := pod.Status.ContainerStatuses[i].State.Terminated
		if ended == nil || ended.FinishedAt.IsZero() {
			last = time.Time{}
			break
		}
		if ended.FinishedAt.After(last) {
			last = ended.FinishedAt.Time
		}
	}
	if !last.IsZero() {
		return last
	}
	if ready := controller.PodCondition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionFalse && !ready.LastTransitionTime.IsZero() {
		return ready.LastTransitionTime.Time
	}
	if pod.DeletionTimestamp != nil {
		grace := time.Duration(0)
		if pod.DeletionGracePeriodSeconds != nil {
			grace = time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
		}
		return pod.DeletionTimestamp.Add(-grace)
	}
	return pod.CreationTimestamp.Time
}
