package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// stored is one version of an object. It is never changed.
type stored struct {
	Object
	raw []byte // as JSON
}

// change is what watchers are told.
type change struct {
	version       int64
	at            time.Time
	before, after *stored // one may be nil
}

type tree map[schema.GroupVersionResource]map[types.NamespacedName]*stored

// store is the API server's memory: it keeps objects as an API server does, and
// has every write looked at before the next one.
type store struct {
	mu      sync.Mutex
	version int64
	made    map[string]int // objects made, by kind and by generated name
	log     map[schema.GroupVersionResource][]change
	changed chan struct{} // closed and replaced whenever a watcher should look again
	// objects are replaced with every write, so that they can be read at any
	// time, by who holds the lock too.
	objects atomic.Pointer[tree]
	seed    uint64
	wrote   func(Write) // called with the lock held
}

func newStore(seed uint64, wrote func(Write)) *store {
	s := &store{
		made: map[string]int{}, log: map[schema.GroupVersionResource][]change{},
		changed: make(chan struct{}), seed: seed, wrote: wrote, version: 100,
	}
	s.objects.Store(&tree{})
	return s
}

// Write is one change of an object that was accepted.
type Write struct {
	At    time.Time
	Actor string // the controller's name, or User, Node, Garbage
	Verb  string // create, update, patch, delete; with /status where it is that
	Kind  string
	Key   types.NamespacedName
	// Before and After are the object's states, nil where it was not or is no
	// more. They must not be changed.
	Before, After Object
	// Needless says that the write has changed nothing.
	Needless bool
}

// get returns the object, nil if there is none.
func (s *store) get(resource schema.GroupVersionResource, key types.NamespacedName) *stored {
	return (*s.objects.Load())[resource][key]
}

// list returns the objects of a resource by name, of all namespaces if none is given.
func (s *store) list(resource schema.GroupVersionResource, namespace string) []*stored {
	all := (*s.objects.Load())[resource]
	var found []*stored
	for _, key := range slices.SortedFunc(maps.Keys(all), byKey) {
		if namespace == "" || key.Namespace == namespace {
			found = append(found, all[key])
		}
	}
	return found
}

func byKey(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) }

// wake makes watchers look again.
func (s *store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// waiting returns the channel that is closed at the next change.
func (s *store) waiting() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// commit makes after the state of the object; the lock is held.
func (s *store) commit(actor, verb string, resource schema.GroupVersionResource, before *stored, after Object) *stored {
	gvk := kinds[resource]
	key := types.NamespacedName{}
	write := Write{At: time.Now(), Actor: actor, Verb: verb, Kind: gvk.Kind}
	s.version++
	var now *stored
	if before != nil {
		key, write.Before = keyOf(before), before.Object
	}
	if after != nil {
		after.GetObjectKind().SetGroupVersionKind(gvk)
		after.SetResourceVersion(strconv.FormatInt(s.version, 10))
		raw, err := json.Marshal(after)
		if err != nil {
			panic(fmt.Sprintf("sim: %v", err))
		}
		now = &stored{after, raw}
		key, write.After = keyOf(after), after
	}
	write.Key = key
	objects := maps.Clone(*s.objects.Load())
	objects[resource] = maps.Clone(objects[resource])
	if objects[resource] == nil {
		objects[resource] = map[types.NamespacedName]*stored{}
	}
	if now != nil {
		objects[resource][key] = now
	} else {
		delete(objects[resource], key)
		last := clone(before.Object)
		last.SetResourceVersion(strconv.FormatInt(s.version, 10))
		raw, _ := json.Marshal(last)
		before = &stored{last, raw}
	}
	s.objects.Store(&objects)
	s.log[resource] = append(s.log[resource], change{s.version, time.Now(), before, now})
	s.wake()
	s.wrote(write)
	return now
}

func keyOf(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

func (s *store) create(actor string, resource schema.GroupVersionResource, obj Object) (*stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj = clone(obj)
	scheme.Default(obj)
	if obj.GetName() == "" {
		prefix := obj.GetGenerateName()
		if prefix == "" {
			return nil, apierrors.NewInvalid(kinds[resource].GroupKind(), "", field.ErrorList{field.Required(field.NewPath("metadata", "name"), "")})
		}
		obj.SetName(prefix + s.suffix(prefix))
	}
	if s.get(resource, keyOf(obj)) != nil {
		return nil, apierrors.NewAlreadyExists(resource.GroupResource(), obj.GetName())
	}
	if err := s.admit(resource, obj); err != nil {
		return nil, err
	}
	kind := strings.ToLower(kinds[resource].Kind)
	s.made[kind]++
	obj.SetUID(types.UID(fmt.Sprintf("%s-%04d", kind, s.made[kind])))
	if created := obj.GetCreationTimestamp(); created.IsZero() || actor != User {
		obj.SetCreationTimestamp(metav1.Now().Rfc3339Copy())
	}
	obj.SetGeneration(1)
	if actor != User {
		clear(obj, "Status")
	}
	if pod, ok := obj.(*corev1.Pod); ok && pod.Status.Phase == "" {
		pod.Status.Phase = corev1.PodPending
	}
	return s.commit(actor, "create", resource, nil, obj), nil
}

// suffix is the random part of a generated name: the same in every run of a script.
func (s *store) suffix(prefix string) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	s.made[prefix]++
	n := hash(s.seed, prefix, s.made[prefix])
	var suffix [5]byte
	for i := range suffix {
		suffix[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return string(suffix[:])
}

// update replaces the object by what change makes of it. The subresource is
// "status" or none.
func (s *store) update(actor, verb string, resource schema.GroupVersionResource, key types.NamespacedName, subresource string, changed func(old Object) (Object, error)) (*stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if subresource != "" {
		verb += "/" + subresource
	}
	before := s.get(resource, key)
	if before == nil {
		return nil, apierrors.NewNotFound(resource.GroupResource(), key.Name)
	}
	after, err := changed(clone(before.Object))
	if err != nil {
		return nil, err
	}
	if v := after.GetResourceVersion(); v != "" && v != before.GetResourceVersion() {
		return nil, conflict(resource, key.Name)
	}
	if after = arrange(after, before.Object, subresource); same(before.Object, after) {
		s.wrote(Write{At: time.Now(), Actor: actor, Verb: verb, Kind: kinds[resource].Kind, Key: key, Before: before.Object, After: before.Object, Needless: true})
		return before, nil
	}
	if after.GetDeletionTimestamp() != nil && !held(after) && grace(after) == 0 {
		s.commit(actor, verb, resource, before, nil)
		// As an API server answers: with the object that was sent, and the version that it had.
		after.SetResourceVersion(before.GetResourceVersion())
		raw, err := json.Marshal(after)
		return &stored{after, raw}, err
	}
	return s.commit(actor, verb, resource, before, after), nil
}

// arrange keeps of the new state what the request may change.
func arrange(after, before Object, subresource string) Object {
	if subresource == "status" {
		changed := clone(before)
		copyStatus(changed, after)
		return changed
	}
	scheme.Default(after)
	copyStatus(after, before)
	after.SetNamespace(before.GetNamespace())
	after.SetName(before.GetName())
	after.SetUID(before.GetUID())
	after.SetCreationTimestamp(before.GetCreationTimestamp())
	after.SetDeletionTimestamp(before.GetDeletionTimestamp())
	after.SetDeletionGracePeriodSeconds(before.GetDeletionGracePeriodSeconds())
	after.SetGeneration(before.GetGeneration())
	if !sameSpec(before, after) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
	return after
}

func conflict(resource schema.GroupVersionResource, name string) error {
	return apierrors.NewConflict(resource.GroupResource(), name,
		fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
}
