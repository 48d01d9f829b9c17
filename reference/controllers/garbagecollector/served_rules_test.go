package garbagecollector

import (
	"fmt"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// refer is a reference to an object as it is.
func refer(kind string, obj sim.Object, blocks bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: versions[kind], Kind: kind, Name: obj.GetName(), UID: obj.GetUID(), BlockOwnerDeletion: ptr.To(blocks)}
}

func makeConfigMap(w *sim.World, name string, owners ...metav1.OwnerReference) sim.Object {
	return w.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}})
}

func makeSecret(w *sim.World, name string, owners ...metav1.OwnerReference) sim.Object {
	return w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}})
}

func makeLease(w *sim.World, name string) sim.Object {
	return w.Create(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// expect says what of the ConfigMaps and Secrets of these names is not as wanted.
func expect(w *sim.World, there bool, names ...string) error {
	for _, name := range names {
		_, configMap := sim.Get[*corev1.ConfigMap](w, name)
		if _, secret := sim.Get[*corev1.Secret](w, name); (configMap || secret) != there {
			return fmt.Errorf("after %s, %s is there: %t", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), name, !there)
		}
	}
	return nil
}

func play(t *testing.T, act func(w *sim.World, s *sim.Served) error) {
	t.Helper()
	s := sim.NewServed(documents...)
	sim.Run(t, sim.Scenario{Controllers: map[string]sim.New{Name: collector(s)}, Nodes: -1}, func(w *sim.World) error { return act(w, s) })
}

// A kind that cannot be listed or watched stops nobody else, from the beginning on; who is owned by one of it stays,
// and goes when its owner has gone.
func TestAnIllKindStopsNobody(t *testing.T) {
	for _, how := range sim.Ills {
		t.Run(string(how), func(t *testing.T) {
			play(t, func(w *sim.World, s *sim.Served) error {
				lease := makeLease(w, "l")
				owner := makeConfigMap(w, "owner")
				makeConfigMap(w, "child", refer("ConfigMap", owner, false))
				makeConfigMap(w, "grandchild", refer("ConfigMap", makeConfigMap(w, "middle", refer("ConfigMap", owner, false)), false))
				makeConfigMap(w, "of the lease", refer("Lease", lease, false))
				makeConfigMap(w, "of both", refer("Lease", lease, false), refer("ConfigMap", owner, false))
				s.Make(w, "leases", how)
				w.Crash(Name)
				sim.Delete[*corev1.ConfigMap](w, "owner")
				w.Sleep(2 * time.Second)
				if err := expect(w, false, "child", "middle", "grandchild"); err != nil {
					return err
				}
				w.Sleep(time.Hour)
				if err := expect(w, true, "of the lease", "of both"); err != nil {
					return err
				}
				sim.Delete[*coordinationv1.Lease](w, "l")
				w.Sleep(10 * time.Minute)
				// Where nobody can be asked nothing is guessed.
				if err := expect(w, how == sim.Unserved || how == sim.Mute, "of the lease", "of both"); err != nil {
					return err
				}
				s.Make(w, "leases", sim.Well)
				w.Sleep(2 * time.Minute)
				return expect(w, false, "of the lease", "of both")
			})
		})
	}
}

// Who names an owner of a kind that nobody serves is never collected, and costs next to nothing.
func TestAnOwnerOfAnUnknownKindKeeps(t *testing.T) {
	play(t, func(w *sim.World, s *sim.Served) error {
		for i := range 10 {
			makeConfigMap(w, fmt.Sprint("child-", i), metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Gadget", Name: "g", UID: "g"})
		}
		makeConfigMap(w, "nonsense", metav1.OwnerReference{APIVersion: "a/b/c", Kind: "Gadget", Name: "g", UID: "h"})
		w.Sleep(5 * time.Hour)
		before := s.Requests("get", "configmaps")
		w.Sleep(time.Hour)
		if more := s.Requests("get", "configmaps") - before; more > 11*13 {
			return fmt.Errorf("%d requests an hour for 11 objects that cannot be judged", more)
		}
		return expect(w, true, "child-0", "child-9", "nonsense")
	})
}

// When a custom resource is removed its objects are deleted first. That they were is known when it can no longer be
// asked for them.
func TestOwnersThatGoWithTheirKind(t *testing.T) {
	play(t, func(w *sim.World, s *sim.Served) error {
		lease := makeLease(w, "l")
		makeConfigMap(w, "child", refer("Lease", lease, false))
		w.Sleep(45 * time.Second) // no look-up of kinds is due now
		sim.Delete[*coordinationv1.Lease](w, "l")
		s.Make(w, "leases", sim.Unserved)
		w.Sleep(10 * time.Second)
		return expect(w, false, "child")
	})
}

// A kind that went out of sight with its objects there is no reason to delete anything; when it is back, what has
// happened meanwhile is made up for at once.
func TestAKindThatComesBack(t *testing.T) {
	for _, how := range []sim.Ill{sim.Unserved, sim.Mute} {
		t.Run(string(how), func(t *testing.T) {
			play(t, func(w *sim.World, s *sim.Served) error {
				kept, gone := makeLease(w, "kept"), makeLease(w, "gone")
				makeConfigMap(w, "of kept", refer("Lease", kept, false))
				makeConfigMap(w, "of gone", refer("Lease", gone, false))
				owner := makeConfigMap(w, "owner")
				w.Create(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "child", OwnerReferences: []metav1.OwnerReference{refer("ConfigMap", owner, false)}}})
				w.Sleep(time.Minute)
				s.Make(w, "leases", how)
				w.Break(Name+":leases", true)
				w.Sleep(time.Minute)
				sim.Delete[*coordinationv1.Lease](w, "gone")
				sim.Delete[*corev1.ConfigMap](w, "owner")
				w.Sleep(time.Hour)
				if err := expect(w, true, "of kept", "of gone"); err != nil {
					return err
				}
				s.Make(w, "leases", sim.Well)
				w.Sleep(90 * time.Second)
				if _, there := sim.Get[*coordinationv1.Lease](w, "child"); there {
					return fmt.Errorf("an object of the kind that is back is still there without its owner")
				}
				if err := expect(w, false, "of gone"); err != nil {
					return err
				}
				if err := expect(w, true, "of kept"); err != nil {
					return err
				}
				sim.Delete[*coordinationv1.Lease](w, "kept")
				w.Sleep(5 * time.Second)
				return expect(w, false, "of kept")
			})
		})
	}
}

// What a group serves that did not answer when the kinds were last looked up is looked up again once it answers, also
// if nothing else has changed.
func TestAGroupThatAnswersAgainIsLookedUp(t *testing.T) {
	play(t, func(w *sim.World, s *sim.Served) error {
		w.Sleep(time.Minute)
		s.Make(w, "leases", sim.Mute)
		s.Make(w, "persistentvolumes", sim.Unserved) // a reason to look everything up
		w.Sleep(time.Minute)
		makeConfigMap(w, "child", metav1.OwnerReference{APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Name: "never", UID: "never"})
		w.Sleep(time.Hour)
		if err := expect(w, true, "child"); err != nil {
			return err
		}
		s.Make(w, "leases", sim.Well)
		w.Sleep(2 * time.Minute)
		return expect(w, false, "child")
	})
}

// The collector starts anew while one kind has not been listed: nothing goes that has an owner of it, an owner does
// not go before those of it that block its deletion, and none before it has let go of those of it.
func TestAHalfSyncedRestart(t *testing.T) {
	play(t, func(w *sim.World, s *sim.Served) error {
		foreground, orphan := metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan
		secret, other := makeSecret(w, "secret"), makeConfigMap(w, "other")
		makeConfigMap(w, "of the secret", refer("Secret", secret, true))
		makeConfigMap(w, "of both", refer("Secret", secret, true), refer("ConfigMap", other, true))
		first, second := makeConfigMap(w, "first"), makeConfigMap(w, "second")
		w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "blocks", Finalizers: []string{hold}, OwnerReferences: []metav1.OwnerReference{refer("ConfigMap", first, true)}}})
		makeSecret(w, "orphaned", refer("ConfigMap", second, true))
		stale := refer("Secret", secret, true)
		stale.UID = types.UID("another")
		makeConfigMap(w, "of nobody", stale)
		s.Make(w, "secrets", sim.Hanging)
		w.Crash(Name)
		w.Sleep(time.Second)
		sim.Delete[*corev1.ConfigMap](w, "other")
		sim.Delete[*corev1.ConfigMap](w, "first", foreground)
		sim.Delete[*corev1.ConfigMap](w, "second", orphan)
		w.Sleep(20 * time.Second)
		if err := expect(w, true, "secret", "of the secret", "of both", "first", "second", "blocks", "orphaned"); err != nil {
			return err
		}
		s.Make(w, "secrets", sim.Well)
		w.Sleep(10 * time.Second)
		if err := expect(w, true, "secret", "of the secret", "of both", "first", "blocks", "orphaned"); err != nil {
			return err
		}
		if err := expect(w, false, "second", "of nobody"); err != nil {
			return err
		}
		sim.Update(w, "blocks", func(s *corev1.Secret) { s.Finalizers = nil })
		w.Sleep(5 * time.Second)
		return expect(w, false, "first", "blocks")
	})
}

// An owner that is there, and where its dependent cannot name it, is told about once: the dependent goes if it could
// have had such an owner, and stays if it is cluster-scoped, since then nothing can be said.
func TestOwnersElsewhere(t *testing.T) {
	play(t, func(w *sim.World, s *sim.Served) error {
		owner := makeConfigMap(w, "owner")
		w.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "child", OwnerReferences: []metav1.OwnerReference{refer("ConfigMap", owner, true)}}})
		w.Create(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume", OwnerReferences: []metav1.OwnerReference{refer("ConfigMap", owner, true)}}})
		never := refer("ConfigMap", owner, true)
		never.UID = "never"
		w.Create(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "of nobody", OwnerReferences: []metav1.OwnerReference{never}}})
		volume, _ := sim.Get[*corev1.PersistentVolume](w, "volume")
		makeConfigMap(w, "of the volume", refer("PersistentVolume", volume, true))
		w.Sleep(time.Hour)
		if n := len(sim.List[*corev1.PersistentVolume](w)); n != 2 {
			return fmt.Errorf("%d volumes are left", n)
		}
		if err := expect(w, false, "child"); err != nil {
			return err
		}
		if err := expect(w, true, "owner", "of the volume"); err != nil {
			return err
		}
		events := w.Events()
		slices.Sort(events)
		if want := []string{
			`Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: , name: owner, uid: configmap-0001] does not exist in namespace ""`,
			`Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: configmap-0001] does not exist in namespace "other"`,
		}; !slices.Equal(events, want) {
			return fmt.Errorf("events %q, want %q", events, want)
		}
		return nil
	})
}
