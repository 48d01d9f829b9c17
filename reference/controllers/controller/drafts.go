package controller

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Drafts are statuses that are not written yet because they are about to be out
// of date: pods have just been asked for, say, or several are starting at once.
// What comes of a burst of events is then written once, at its end or when it has
// lasted for so long that somebody might miss it.
//
// It is safe for use by several workers.
type Drafts[S any] struct {
	now func() time.Time

	mu   sync.Mutex
	kept map[types.NamespacedName]draft[S]
}

// draft is a status of the object with the uid, to be written when it is due.
type draft[S any] struct {
	uid    types.UID
	status S
	due    time.Time
}

// NewDrafts returns no drafts yet.
func NewDrafts[S any]() *Drafts[S] {
	return &Drafts[S]{now: time.Now, kept: map[types.NamespacedName]draft[S]{}}
}

// Last returns the draft of the object's status, if there is one.
func (d *Drafts[S]) Last(obj metav1.Object) (status S, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if kept, ok := d.kept[Key(obj)]; ok && kept.uid == obj.GetUID() {
		return kept.status, true
	}
	return status, false
}

// Keep makes status the draft, and returns when to come back for it: after most,
// or sooner if an earlier draft is due before. Zero says that it is due now.
func (d *Drafts[S]) Keep(obj metav1.Object, status S, most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	due := now.Add(most)
	if kept, ok := d.kept[Key(obj)]; ok && kept.uid == obj.GetUID() && kept.due.Before(due) {
		due = kept.due
	}
	d.kept[Key(obj)] = draft[S]{uid: obj.GetUID(), status: status, due: due}
	return max(0, due.Sub(now))
}

// Drop forgets the draft of that name: it has been written, or there is nothing
// more to tell.
func (d *Drafts[S]) Drop(key types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, key)
}
