package framework

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WaitUntil looks again and again until look says that what is so, and fails the spec after
// the timeout, saying what was wanted and what look saw last.
func (f *Framework) WaitUntil(ctx context.Context, what string, timeout time.Duration, look func(context.Context) (done bool, seen string)) {
	GinkgoHelper()
	started := time.Now()
	// The last look may outlast the time, so that what it asks the server does not fail for want of it.
	looking, cancel := context.WithTimeout(ctx, scaled(timeout)+scaled(APITimeout))
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, scaled(timeout))
	defer stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	last := "nothing yet"
	for {
		done, seen := look(looking)
		if done {
			return
		}
		if looking.Err() == nil { // a look that was cut short saw nothing
			last = seen
		}
		select {
		case <-ctx.Done():
			Fail(fmt.Sprintf("waited %s\n  wanted: %s\n  last seen: %s", since(started), what, last))
		case <-tick.C:
		}
	}
}

// Stays looks again and again for the whole window and fails the spec as soon as look says that what is no longer so.
func (f *Framework) Stays(ctx context.Context, what string, window time.Duration, look func(context.Context) (so bool, seen string)) {
	GinkgoHelper()
	started := time.Now()
	end := time.NewTimer(window)
	defer end.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if so, seen := look(ctx); !so {
			Fail(fmt.Sprintf("after %s of %s\n  wanted throughout: %s\n  seen: %s", since(started), window, what, seen))
		}
		select {
		case <-ctx.Done():
			Fail(fmt.Sprintf("the spec's time ended while watching that %s", what))
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }

// waitPod waits for a condition of one pod and returns the pod as it was then.
func (f *Framework) waitPod(ctx context.Context, name, what string, so func(*corev1.Pod) bool) *corev1.Pod {
	GinkgoHelper()
	var pod *corev1.Pod
	f.WaitUntil(ctx, "pod "+name+" "+what, PodTimeout, func(ctx context.Context) (bool, string) {
		var err error
		if pod, err = f.API.CoreV1().Pods(f.Namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		if Ended(pod) && !so(pod) { // it will not change any more
			Fail("wanted: pod " + name + " " + what + "\n  seen: " + podLine(pod))
		}
		return so(pod), podLine(pod)
	})
	return pod
}

// WaitPodReady waits until the pod is Running with condition Ready.
func (f *Framework) WaitPodReady(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	return f.waitPod(ctx, name, "is Running and Ready", Ready)
}

// WaitPodRunning waits until the pod's phase is Running.
func (f *Framework) WaitPodRunning(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	return f.waitPod(ctx, name, "is Running", Running)
}

// WaitPodSucceeded waits until the pod's phase is Succeeded; a pod that Failed fails the spec at once.
func (f *Framework) WaitPodSucceeded(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	pod := f.waitPod(ctx, name, "has Succeeded", Ended)
	if pod.Status.Phase != corev1.PodSucceeded {
		Fail("wanted: pod " + name + " has Succeeded\n  seen: " + podLine(pod))
	}
	return pod
}

// WaitPodFailed waits until the pod's phase is Failed; a pod that Succeeded fails the spec at once.
func (f *Framework) WaitPodFailed(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	pod := f.waitPod(ctx, name, "has Failed", Ended)
	if pod.Status.Phase != corev1.PodFailed {
		Fail("wanted: pod " + name + " has Failed\n  seen: " + podLine(pod))
	}
	return pod
}

// WaitGone waits until the object of this name is no longer there, or another has taken its name.
func (f *Framework) WaitGone(ctx context.Context, object Object) {
	GinkgoHelper()
	uid := object.GetUID()
	current := object.DeepCopyObject().(Object)
	f.WaitUntil(ctx, describe(object)+" is gone", SettleTimeout, func(ctx context.Context) (bool, string) {
		err := f.TryGet(ctx, current)
		switch {
		case apierrors.IsNotFound(err):
			return true, ""
		case err != nil:
			return false, err.Error()
		}
		return current.GetUID() != uid, fmt.Sprintf("it is there, deletionTimestamp %v, finalizers %v",
			current.GetDeletionTimestamp(), current.GetFinalizers())
	})
}

// WaitEvent waits for an event about the object with one of the reasons and returns it.
func (f *Framework) WaitEvent(ctx context.Context, object Object, reasons ...string) corev1.Event {
	GinkgoHelper()
	var found corev1.Event
	f.WaitUntil(ctx, fmt.Sprintf("an event %v about %s", reasons, describe(object)), EventTimeout,
		func(ctx context.Context) (bool, string) {
			events := f.Events(ctx, object)
			for _, event := range events {
				for _, reason := range reasons {
					if event.Reason == reason {
						found = event
						return true, ""
					}
				}
			}
			return false, "the events\n" + EventLines(events)
		})
	return found
}

// Events lists the events about one object, oldest first.
func (f *Framework) Events(ctx context.Context, object Object) []corev1.Event {
	GinkgoHelper()
	list, err := f.API.CoreV1().Events(f.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.uid=" + string(object.GetUID())})
	f.must(err, "list the events about %s", describe(object))
	sortEvents(list.Items)
	return list.Items
}
