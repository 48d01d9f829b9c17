package garbagecollector

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// late is more than any watch of the simulated world can be behind, and the
// informer's back-off with it.
const late = 2 * time.Minute

// shortly is more than passes between what a worker reads and what it writes.
const shortly = 5 * time.Second

// hold is a finalizer of the user.
const hold = "example.com/hold"

// place is where an object can be. There is one of each at a time, but one may
// follow another, with another uid.
type place struct{ kind, namespace, name string }

var places = []place{
	{"ConfigMap", "default", "a"},
	{"ConfigMap", "default", "b"},
	{"ConfigMap", "default", "c"},
	{"ConfigMap", "other", "d"},
	{"Secret", "default", "e"},
	{"Secret", "default", "f"},
	{"PersistentVolume", "", "p"},
	{"PersistentVolume", "", "q"},
	{"Lease", "default", "l"},
	{"Lease", "other", "m"},
}

var documents = func() []*metav1.APIResourceList {
	core := sim.Document("v1", true, "ConfigMap", "Secret")
	core.APIResources = append(core.APIResources, sim.Document("v1", false, "PersistentVolume").APIResources...)
	return []*metav1.APIResourceList{core, sim.Document("coordination.k8s.io/v1", true, "Lease")}
}()

// collector is the garbage collector on what is served.
func collector(s *sim.Served) sim.New {
	return func(client kubernetes.Interface, _ informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
		return New(s.Metadata(client), s.Discovery(), events)
	}
}

// Whatever owners objects have, and however they are deleted, edited and held:
// none is deleted that has an owner, none is left that has lost all of its owners,
// an owner waits for those that block it, and never for ever. That holds also where a
// kind is not served for a while, or badly, except that what cannot be seen then is
// not waited for.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		m := &model{served: sim.NewServed(documents...), since: map[string]time.Time{}, uids: map[place]types.UID{}}
		return sim.Scenario{
			Controllers: map[string]sim.New{Name: collector(m.served)},
			Nodes:       -1,
			Actions: map[string]sim.Action{
				"create": m.create, "create again": m.create, "delete": m.remove, "delete again": m.remove,
				"edit owners": m.edit, "hold": m.hold, "release": m.release,
				"fall ill": m.fallIll, "get well": m.getWell,
			},
			Invariants: map[string]sim.Invariant{"the rules": m.check},
			Settled:    m.settled,
			Longest:    40,
		}
	})
}

// model remembers what the rules depend on. It is used by one world at a time.
type model struct {
	served *sim.Served
	since  map[string]time.Time // when something was last so, or first
	uids   map[place]types.UID  // of the last object that was there
}

// owner is how a reference is drawn.
type owner struct {
	at     place
	blocks *bool
	wrong  string
}

func drawOwners(t *rapid.T) []owner {
	yes, no := true, false
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) owner {
		return owner{
			at:     rapid.SampledFrom(places).Draw(t, "owner"),
			blocks: rapid.SampledFrom([]*bool{nil, &no, &yes, &yes}).Draw(t, "blocks"),
			wrong:  rapid.SampledFrom([]string{"", "", "", "", "", "uid", "name", "kind"}).Draw(t, "wrong"),
		}
	}), 0, 3).Draw(t, "owners")
}

func (m *model) refs(w *sim.World, owners []owner) []metav1.OwnerReference {
	var refs []metav1.OwnerReference
	for _, o := range owners {
		if obj := find(w, o.at); obj != nil {
			m.uids[o.at] = obj.GetUID()
		}
		ref := metav1.OwnerReference{APIVersion: versions[o.at.kind], Kind: o.at.kind, Name: o.at.name, UID: m.uids[o.at], BlockOwnerDeletion: o.blocks}
		if ref.UID == "" {
			ref.UID = types.UID("never-" + o.at.name)
		}
		switch o.wrong {
		case "uid":
			ref.UID = "wrong"
		case "name":
			ref.Name = "wrong"
		case "kind":
			ref.Kind = map[string]string{"ConfigMap": "Secret", "Secret": "PersistentVolume", "PersistentVolume": "ConfigMap", "Lease": "Lease"}[ref.Kind]
		}
		if !slices.ContainsFunc(refs, func(other metav1.OwnerReference) bool { return other.UID == ref.UID }) {
			refs = append(refs, ref)
		}
	}
	return refs
}

func (m *model) create(t *rapid.T) sim.Act {
	at, owners := rapid.SampledFrom(places).Draw(t, "at"), drawOwners(t)
	held := rapid.SampledFrom([][]string{nil, nil, nil, {hold}}).Draw(t, "finalizers")
	return func(w *sim.World) {
		obj := empty(at.kind)
		obj.SetNamespace(at.namespace)
		obj.SetName(at.name)
		obj.SetFinalizers(held)
		obj.SetOwnerReferences(m.refs(w, owners))
		w.Create(obj)
	}
}

func (m *model) remove(t *rapid.T) sim.Act {
	at := rapid.SampledFrom(places).Draw(t, "at")
	policy := rapid.SampledFrom([]metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	}).Draw(t, "policy")
	return func(w *sim.World) {
		if obj := find(w, at); obj != nil {
			m.uids[at] = obj.GetUID()
			_ = client(w, at).Delete(context.Background(), at.name, metav1.DeleteOptions{PropagationPolicy: &policy})
		}
	}
}

func (m *model) fallIll(t *rapid.T) sim.Act {
	how := rapid.SampledFrom(sim.Ills).Draw(t, "ill")
	return func(w *sim.World) { m.served.Make(w, "leases", how) }
}

func (m *model) getWell(*rapid.T) sim.Act {
	return func(w *sim.World) { m.served.Make(w, "leases", sim.Well) }
}

func (m *model) edit(t *rapid.T) sim.Act {
	at, owners := rapid.SampledFrom(places).Draw(t, "at"), drawOwners(t)
	return func(w *sim.World) {
		change(w, at, func(obj sim.Object) { obj.SetOwnerReferences(m.refs(w, owners)) })
	}
}

func (m *model) hold(t *rapid.T) sim.Act {
	at := rapid.SampledFrom(places).Draw(t, "at")
	return func(w *sim.World) {
		change(w, at, func(obj sim.Object) {
			if obj.GetDeletionTimestamp() == nil && !slices.Contains(obj.GetFinalizers(), hold) {
				obj.SetFinalizers(append(slices.Clone(obj.GetFinalizers()), hold))
			}
		})
	}
}

func (m *model) release(t *rapid.T) sim.Act {
	at := rapid.SampledFrom(places).Draw(t, "at")
	return func(w *sim.World) {
		change(w, at, func(obj sim.Object) {
			obj.SetFinalizers(slices.DeleteFunc(slices.Clone(obj.GetFinalizers()), func(f string) bool { return f == hold }))
		})
	}
}

// owned tells what the API server's state says of a reference.
func owned(w *sim.World, obj sim.Object, ref metav1.OwnerReference) (found sim.Object, judgeable bool) {
	if ref.Kind != "PersistentVolume" && obj.GetNamespace() == "" {
		return nil, false
	}
	namespace := obj.GetNamespace()
	if ref.Kind == "PersistentVolume" {
		namespace = ""
	}
	found = find(w, place{ref.Kind, namespace, ref.Name})
	if found == nil || found.GetUID() != ref.UID {
		return nil, true
	}
	return found, true
}

func deletes(obj sim.Object, finalizer string) bool {
	return obj.GetDeletionTimestamp() != nil && slices.Contains(obj.GetFinalizers(), finalizer)
}

// check looks at a write in the order in which the API server made them.
func (m *model) check(w *sim.World, write sim.Write) error {
	if write.Before == nil || write.After == nil || write.Actor != Name {
		m.remember(w)
	}
	if write.Actor != Name || write.Before == nil {
		return nil
	}
	defer m.remember(w)
	before := write.Before
	if write.Verb == "delete" {
		if len(before.GetOwnerReferences()) == 0 {
			return fmt.Errorf("%s %s was deleted and has no owners", write.Kind, write.Key)
		}
		for _, ref := range before.GetOwnerReferences() {
			if err := m.mayLose(w, before, ref); err != nil {
				return fmt.Errorf("%s %s was deleted: %w", write.Kind, write.Key, err)
			}
		}
		return nil
	}
	after := write.After
	dropped := func(finalizer string) bool {
		return slices.Contains(before.GetFinalizers(), finalizer) && (after == nil || !slices.Contains(after.GetFinalizers(), finalizer))
	}
	for _, finalizer := range []string{metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents} {
		if !dropped(finalizer) {
			continue
		}
		for _, dependent := range all(w) {
			if m.served.Lately(kindOfObject(dependent)) {
				continue
			}
			for _, ref := range dependent.GetOwnerReferences() {
				if ref.UID != before.GetUID() || time.Since(m.since[refKey(dependent, ref)]) < late {
					continue
				}
				owner, _ := owned(w, dependent, ref)
				if finalizer == metav1.FinalizerOrphanDependents || blocks(ref) && (owner != nil || after == nil) && write.Kind == ref.Kind && write.Key.Name == ref.Name {
					return fmt.Errorf("%s %s lost its finalizer %s before %s lost its reference %v", write.Kind, write.Key, finalizer, dependent.GetName(), ref)
				}
			}
		}
		return nil
	}
	if after == nil {
		return nil
	}
	for _, ref := range before.GetOwnerReferences() {
		i := slices.IndexFunc(after.GetOwnerReferences(), func(other metav1.OwnerReference) bool { return other.UID == ref.UID })
		if i >= 0 {
			continue
		}
		if owner, _ := owned(w, before, ref); owner != nil && deletes(owner, metav1.FinalizerOrphanDependents) ||
			time.Since(m.since["orphan "+string(ref.UID)]) < shortly {
			continue
		}
		if err := m.mayLose(w, before, ref); err != nil {
			return fmt.Errorf("%s %s lost a reference: %w", write.Kind, write.Key, err)
		}
	}
	return nil
}

// mayLose says whether the reference's owner was seen to be gone, or to wait for
// the object's deletion, a moment ago.
func (m *model) mayLose(w *sim.World, obj sim.Object, ref metav1.OwnerReference) error {
	owner, judgeable := owned(w, obj, ref)
	switch {
	case !judgeable:
		return fmt.Errorf("its owner %s %s cannot be judged", ref.Kind, ref.Name)
	case owner == nil, deletes(owner, metav1.FinalizerDeleteDependents), time.Since(m.since["foreground "+string(ref.UID)]) < shortly:
		return nil
	}
	return fmt.Errorf("its owner %s %s is there to stay", ref.Kind, ref.Name)
}

func refKey(obj sim.Object, ref metav1.OwnerReference) string {
	return fmt.Sprint("ref ", obj.GetUID(), ref.UID, blocks(ref))
}

// remember notes what is so now.
func (m *model) remember(w *sim.World) {
	for _, obj := range all(w) {
		if deletes(obj, metav1.FinalizerDeleteDependents) {
			m.since["foreground "+string(obj.GetUID())] = time.Now()
		}
		if deletes(obj, metav1.FinalizerOrphanDependents) {
			m.since["orphan "+string(obj.GetUID())] = time.Now()
		}
	}
	current := map[string]bool{}
	for _, obj := range all(w) {
		for _, ref := range obj.GetOwnerReferences() {
			key := refKey(obj, ref)
			current[key] = true
			if _, known := m.since[key]; !known {
				m.since[key] = time.Now()
			}
		}
	}
	for key := range m.since {
		if key[:3] == "ref" && !current[key] {
			delete(m.since, key)
		}
	}
}

// settled checks that what must be gone is gone, and what waits has a reason to.
func (m *model) settled(w *sim.World) error {
	for _, obj := range all(w) {
		if deletes(obj, metav1.FinalizerOrphanDependents) {
			return fmt.Errorf("%s still waits for its dependents to be orphaned", obj.GetName())
		}
		if deletes(obj, metav1.FinalizerDeleteDependents) && !waitsForUser(w, obj, map[types.UID]bool{}) {
			return fmt.Errorf("%s waits for no reason", obj.GetName())
		}
		if obj.GetDeletionTimestamp() != nil {
			continue
		}
		unjudgeable, lost := false, 0
		for _, ref := range obj.GetOwnerReferences() {
			owner, judgeable := owned(w, obj, ref)
			unjudgeable = unjudgeable || !judgeable
			if judgeable && (owner == nil || deletes(owner, metav1.FinalizerDeleteDependents)) {
				lost++
			}
		}
		if lost > 0 {
			return fmt.Errorf("%s is left with %d references to owners that are not there to stay: %v", obj.GetName(), lost, obj.GetOwnerReferences())
		}
	}
	return nil
}

// waitsForUser says whether an object that the user holds is among those that the
// object waits for.
func waitsForUser(w *sim.World, obj sim.Object, been map[types.UID]bool) bool {
	if been[obj.GetUID()] {
		return false
	}
	been[obj.GetUID()] = true
	for _, dependent := range all(w) {
		for _, ref := range dependent.GetOwnerReferences() {
			if owner, _ := owned(w, dependent, ref); owner == nil || owner.GetUID() != obj.GetUID() || !blocks(ref) {
				continue
			}
			if slices.Contains(dependent.GetFinalizers(), hold) || waitsForUser(w, dependent, been) {
				return true
			}
		}
	}
	return false
}

func all(w *sim.World) []sim.Object {
	var found []sim.Object
	for _, at := range places {
		if obj := find(w, at); obj != nil {
			found = append(found, obj)
		}
	}
	return found
}

func find(w *sim.World, at place) sim.Object {
	switch at.kind {
	case "ConfigMap":
		return among(sim.List[*corev1.ConfigMap](w), at)
	case "Secret":
		return among(sim.List[*corev1.Secret](w), at)
	case "Lease":
		return among(sim.List[*coordinationv1.Lease](w), at)
	}
	return among(sim.List[*corev1.PersistentVolume](w), at)
}

func among[T sim.Object](objects []T, at place) sim.Object {
	for _, obj := range objects {
		if obj.GetNamespace() == at.namespace && obj.GetName() == at.name {
			return obj
		}
	}
	return nil
}

func empty(kind string) sim.Object {
	switch kind {
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "Secret":
		return &corev1.Secret{}
	case "Lease":
		return &coordinationv1.Lease{}
	}
	return &corev1.PersistentVolume{}
}

// versions are those of the kinds.
var versions = map[string]string{"ConfigMap": "v1", "Secret": "v1", "PersistentVolume": "v1", "Lease": "coordination.k8s.io/v1"}

func kindOfObject(obj sim.Object) string {
	switch obj.(type) {
	case *corev1.ConfigMap:
		return "ConfigMap"
	case *corev1.Secret:
		return "Secret"
	case *coordinationv1.Lease:
		return "Lease"
	}
	return "PersistentVolume"
}

type deleter interface {
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

func client(w *sim.World, at place) deleter {
	switch at.kind {
	case "ConfigMap":
		return w.Client.CoreV1().ConfigMaps(at.namespace)
	case "Secret":
		return w.Client.CoreV1().Secrets(at.namespace)
	case "Lease":
		return w.Client.CoordinationV1().Leases(at.namespace)
	}
	return w.Client.CoreV1().PersistentVolumes()
}

// change changes the object at the place, if there is one.
func change(w *sim.World, at place, edit func(sim.Object)) {
	obj := find(w, at)
	if obj == nil {
		return
	}
	obj = obj.DeepCopyObject().(sim.Object)
	edit(obj)
	obj.SetResourceVersion("")
	var err error
	switch obj := obj.(type) {
	case *corev1.ConfigMap:
		_, err = w.Client.CoreV1().ConfigMaps(at.namespace).Update(context.Background(), obj, metav1.UpdateOptions{})
	case *corev1.Secret:
		_, err = w.Client.CoreV1().Secrets(at.namespace).Update(context.Background(), obj, metav1.UpdateOptions{})
	case *coordinationv1.Lease:
		_, err = w.Client.CoordinationV1().Leases(at.namespace).Update(context.Background(), obj, metav1.UpdateOptions{})
	case *corev1.PersistentVolume:
		_, err = w.Client.CoreV1().PersistentVolumes().Update(context.Background(), obj, metav1.UpdateOptions{})
	}
	_ = err // it may have gone, or been changed, at this very moment
}
