package garbagecollector

import (
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// store is a graph that many watches fill and many workers ask.
type store struct {
	look func(uid types.UID) // whom a change gives reason to look at

	mu      sync.Mutex
	graph   *graph
	puzzles map[types.UID]time.Time // objects that cannot be judged, since when
}

func newStore(look func(types.UID)) *store {
	return &store{look: look, graph: newGraph(), puzzles: map[types.UID]time.Time{}}
}

func (s *store) observe(obj *object) {
	s.change(func(g *graph) []types.UID { return g.observe(obj) })
}

// remove forgets an object of which the API server has told that it is gone.
func (s *store) remove(uid types.UID) {
	s.change(func(g *graph) []types.UID {
		delete(s.puzzles, uid)
		return g.remove(uid)
	})
}

func (s *store) change(do func(*graph) []types.UID) {
	s.mu.Lock()
	look := do(s.graph)
	s.mu.Unlock()
	s.lookAt(look)
}

// forgetResource removes the objects of a resource that is no longer served. It may
// be served again, or in another version, and they may still be there.
func (s *store) forgetResource(resource schema.GroupVersionResource) {
	s.mu.Lock()
	var gone []types.UID
	for uid, obj := range s.graph.objects {
		if obj.resource == resource {
			gone = append(gone, uid)
		}
	}
	s.mu.Unlock()
	for _, uid := range gone {
		s.change(func(g *graph) []types.UID {
			delete(s.puzzles, uid)
			return g.forget(uid)
		})
	}
}

func (s *store) lookAt(uids []types.UID) {
	for _, uid := range uids {
		s.look(uid)
	}
}

// get returns the object, or nil. It is not to be changed.
func (s *store) get(uid types.UID) *object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.objects[uid]
}

// doubtful reports whether the object names an owner that is not known to be there,
// and there to stay.
func (s *store) doubtful(obj *object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.doubtful(obj)
}

// wasRemoved reports whether it is known that the owner is gone which a reference
// found in the namespace names.
func (s *store) wasRemoved(ref metav1.OwnerReference, namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.wasRemoved(ref, namespace)
}

// puzzled returns for how long the object could not be judged, this time included.
func (s *store) puzzled(uid types.UID, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.graph.objects[uid] == nil {
		return 0
	}
	if s.puzzles[uid].IsZero() {
		s.puzzles[uid] = now
	}
	return now.Sub(s.puzzles[uid])
}

// solved notes that the object could be judged.
func (s *store) solved(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.puzzles, uid)
}

// anyPuzzled reports whether there is an object that cannot be judged.
func (s *store) anyPuzzled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.puzzles) > 0
}

// lookAgain has all those looked at that could not be judged.
func (s *store) lookAgain() {
	s.mu.Lock()
	puzzled := slices.Collect(maps.Keys(s.puzzles))
	s.mu.Unlock()
	s.lookAt(puzzled)
}

// dependentsOf returns the objects that name the uid as their owner.
func (s *store) dependentsOf(uid types.UID) []*object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*object
	for _, dependent := range s.graph.dependentsOf(uid) {
		found = append(found, s.graph.objects[dependent])
	}
	return found
}

func (s *store) hasDependents(uid types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.graph.dependents[uid]) > 0
}

func (s *store) blocked(uid types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.blocked(uid)
}

func (s *store) circle(uid types.UID) []types.UID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.circle(uid)
}

// fromMetadata is what the graph keeps of an object of the resource.
func fromMetadata(what kindOf, meta *metav1.PartialObjectMetadata) *object {
	deleting := meta.DeletionTimestamp != nil
	return &object{
		uid:        meta.UID,
		resource:   what.resource,
		kind:       what.kind,
		namespace:  meta.Namespace,
		name:       meta.Name,
		owners:     meta.OwnerReferences,
		deleting:   deleting,
		foreground: deleting && slices.Contains(meta.Finalizers, metav1.FinalizerDeleteDependents),
		orphan:     deleting && slices.Contains(meta.Finalizers, metav1.FinalizerOrphanDependents),
	}
}
