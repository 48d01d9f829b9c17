package controller

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDrafts(t *testing.T) {
	now := time.Unix(0, 0)
	drafts := NewDrafts[string]()
	drafts.now = func() time.Time { return now }
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", UID: "1"}}
	next := pod.DeepCopy()
	next.UID = "2"
	for _, step := range []struct {
		what        string
		after, most time.Duration
		of          *corev1.Pod
		want        time.Duration
	}{
		{"the first waits for as long as it may", 0, time.Second, pod, time.Second},
		{"more news does not put it off", 300 * time.Millisecond, time.Second, pod, 700 * time.Millisecond},
		{"what may wait less is due sooner", 100 * time.Millisecond, 50 * time.Millisecond, pod, 50 * time.Millisecond},
		{"and stays so", 20 * time.Millisecond, time.Second, pod, 30 * time.Millisecond},
		{"it is due in the end", 40 * time.Millisecond, time.Second, pod, 0},
		{"another of the name begins anew", 0, time.Second, next, time.Second},
	} {
		now = now.Add(step.after)
		if got := drafts.Keep(step.of, step.what, step.most); got != step.want {
			t.Errorf("%s: come back in %v, want %v", step.what, got, step.want)
		}
		if last, ok := drafts.Last(step.of); !ok || last != step.what {
			t.Errorf("%s: the last draft is %q, %t", step.what, last, ok)
		}
	}
	if last, ok := drafts.Last(pod); ok {
		t.Errorf("%q was taken for the draft of an object that is gone", last)
	}
	drafts.Drop(Key(next))
	if last, ok := drafts.Last(next); ok {
		t.Errorf("%q is left of a draft that was dropped", last)
	}
}
