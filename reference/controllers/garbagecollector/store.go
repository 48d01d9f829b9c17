package garbagecollector

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// store is a graph that many watches fill and many workers ask.
type store struct {
	look func(uid types.UID) // whom a change gives reason to look at

	mu    sync.Mutex
	graph *graph
}

func (s *store) observe(obj *object) {
	s.mu.Lock()
	look := s.graph.observe(obj)
	s.mu.Unlock()
	s.lookAt(look)
}

func (s *store) forget(uid types.UID) {
	s.mu.Lock()
	look := s.graph.forget(uid)
	s.mu.Unlock()
	s.lookAt(look)
}

// forgetResource removes the objects of a resource that is no longer served.
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
		s.forget(uid)
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
