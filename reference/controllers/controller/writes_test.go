package controller

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

func pod(name, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: name, UID: types.UID(name), ResourceVersion: version,
	}}
}

func terminating(p *corev1.Pod) *corev1.Pod {
	p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	return p
}

func TestWritesAreSeenOnceTheCacheShowsThem(t *testing.T) {
	owner := types.NamespacedName{Namespace: "default", Name: "web"}
	for name, test := range map[string]struct {
		before *corev1.Pod // what the cache has at first
		write  func(w *Writes)
		after  *corev1.Pod // and what it gets; nil for a deletion
	}{
		"creation":              {nil, func(w *Writes) { w.Wrote(owner, pod("a", "7")) }, pod("a", "7")},
		"creation, seen by far": {nil, func(w *Writes) { w.Wrote(owner, pod("a", "7")) }, pod("other", "10")},
		"update":                {pod("a", "7"), func(w *Writes) { w.Wrote(owner, pod("a", "9")) }, pod("a", "9")},
		"deletion":              {pod("a", "7"), func(w *Writes) { w.Deleted(owner, pod("a", "7")) }, nil},
		"graceful deletion":     {pod("a", "7"), func(w *Writes) { w.Deleted(owner, pod("a", "7")) }, terminating(pod("a", "8"))},
		"last finalizer":        {terminating(pod("a", "8")), func(w *Writes) { w.Wrote(owner, terminating(pod("a", "8"))) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			store := cache.NewStore(cache.MetaNamespaceKeyFunc)
			if test.before != nil {
				if err := store.Add(test.before); err != nil {
					t.Fatal(err)
				}
			}
			w := NewWrites(store)
			if !w.Seen(owner) {
				t.Error("nothing was written, and yet it is waited for")
			}
			test.write(w)
			if w.Seen(owner) {
				t.Error("the cache does not show the write, and yet it counts as seen")
			}
			if !w.Seen(types.NamespacedName{Name: "other"}) {
				t.Error("a write for one key holds up another")
			}
			var err error
			if test.after != nil {
				err = store.Add(test.after)
			} else {
				err = store.Delete(test.before)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !w.Seen(owner) {
				t.Error("the cache shows the write, and yet it is waited for")
			}
		})
	}
}

func TestWritesAreForgottenInTime(t *testing.T) {
	key := types.NamespacedName{Name: "web"}
	now := time.Unix(0, 0)
	w := NewWrites(cache.NewStore(cache.MetaNamespaceKeyFunc))
	w.now = func() time.Time { return now }
	w.Wrote(key, pod("a", "7"))
	if w.Seen(key) {
		t.Fatal("seen at once")
	}
	now = now.Add(forgetAfter + time.Second)
	if !w.Seen(key) {
		t.Errorf("still waited for after %s", forgetAfter)
	}
}
