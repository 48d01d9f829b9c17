package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
)

// forgetAfter is how long a write is waited for. A cache that is further behind
// has lost its watch for good; deciding from it is then better than never
// deciding again.
const forgetAfter = 5 * time.Minute

// StaleCache is how soon to look again when the cache does not yet show what was written last. The event that it does
// usually comes first, but none comes of an object that was made and deleted while the watch was broken.
const StaleCache = 50 * time.Millisecond

// Writes remembers what a controller has written to one kind of object, by the
// key on whose behalf it did so, until the cache it reads from shows it. A
// controller that decides only when Seen says true never creates or deletes
// twice for the same reason, however late its watch is.
//
// It is safe for use by several workers.
type Writes struct {
	store cache.Store
	now   func() time.Time

	mu      sync.Mutex
	pending map[types.NamespacedName]map[types.UID]write
}

// write is one deed the cache has yet to show.
type write struct {
	object  types.NamespacedName
	uid     types.UID
	version string // resource version the write gave the object
	deleted bool
	gone    bool // there is no such object any more
	at      time.Time
}

// NewWrites returns a memory of the writes to the objects of store, which must
// be an informer's.
func NewWrites(store cache.Store) *Writes {
	return &Writes{store: store, now: time.Now, pending: map[types.NamespacedName]map[types.UID]write{}}
}

// Wrote notes that obj was created or updated on behalf of key. The object must
// be the one that the API server returned.
func (w *Writes) Wrote(key types.NamespacedName, obj metav1.Object) {
	w.remember(key, write{object: Key(obj), uid: obj.GetUID(), version: obj.GetResourceVersion(), gone: wasLast(obj)})
}

// wasLast reports whether the update deleted the object, as one does that takes
// the last finalizer off an object that is being deleted. The API server answers
// it with the object as it was sent, and so with a version that the cache has.
func wasLast(obj metav1.Object) bool {
	grace := obj.GetDeletionGracePeriodSeconds()
	return obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0 && (grace == nil || *grace == 0)
}

// Deleted notes that the deletion of obj was accepted on behalf of key.
func (w *Writes) Deleted(key types.NamespacedName, obj metav1.Object) {
	w.remember(key, write{object: Key(obj), uid: obj.GetUID(), deleted: true})
}

func (w *Writes) remember(key types.NamespacedName, deed write) {
	w.mu.Lock()
	defer w.mu.Unlock()
	deed.at = w.now()
	if w.pending[key] == nil {
		w.pending[key] = map[types.UID]write{}
	}
	w.pending[key][deed.uid] = deed
}

// Seen reports whether the cache shows every write made on behalf of key.
func (w *Writes) Seen(key types.NamespacedName) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	deeds := w.pending[key]
	for uid, deed := range deeds {
		if w.shows(deed) || w.now().Sub(deed.at) > forgetAfter {
			delete(deeds, uid)
		}
	}
	if len(deeds) == 0 {
		delete(w.pending, key)
		return true
	}
	return false
}

// shows reports whether the cache is at least as new as the write.
func (w *Writes) shows(deed write) bool {
	cached := w.cached(deed)
	if deed.gone {
		return cached == nil
	}
	if deed.deleted {
		return cached == nil || cached.GetDeletionTimestamp() != nil
	}
	if atLeast(w.store.LastStoreSyncResourceVersion(), deed.version) {
		return true
	}
	return cached != nil && (cached.GetResourceVersion() == deed.version ||
		atLeast(cached.GetResourceVersion(), deed.version))
}

// cached returns the object of the write as the cache has it, nil if it has it
// not or if another of its name has taken its place.
func (w *Writes) cached(deed write) metav1.Object {
	name := cache.NewObjectName(deed.object.Namespace, deed.object.Name)
	item, ok, err := w.store.GetByKey(name.String())
	if err != nil || !ok {
		return nil
	}
	obj, err := meta.Accessor(item)
	if err != nil || obj.GetUID() != deed.uid {
		return nil
	}
	return obj
}

// atLeast reports whether version a is known to be b or later (KEP-5504 makes
// the resource versions of one resource comparable).
func atLeast(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order >= 0
}
