package persistentvolume

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"pgregory.net/rapid"
)

// world is claims and volumes, which the plans are carried out on one write at a time, by a controller that dies now
// and then after any of them.
type world struct {
	claims  map[string]*corev1.PersistentVolumeClaim
	volumes map[string]*corev1.PersistentVolume
	writes  int // that may still be made before the controller dies
	wrote   int
	serial  int
}

// write reports whether the controller lives to see the next.
func (w *world) write(do func()) bool {
	if w.writes == 0 {
		return false
	}
	w.writes--
	w.wrote++
	do()
	return true
}

func (w *world) look(claim *corev1.PersistentVolumeClaim) *claimView {
	view := &claimView{claim: claim, builtIn: isOurs}
	if claim.Spec.VolumeName != "" {
		view.volume = w.volumes[claim.Spec.VolumeName]
	}
	for _, v := range w.volumes {
		if isFree(v) && volumehelpers.GetPersistentVolumeClass(v) == volumehelpers.GetPersistentVolumeClaimClass(claim) ||
			v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Name == claim.Name {
			view.candidates = append(view.candidates, v)
		}
	}
	return view
}

func (w *world) reconcileClaim(t *rapid.T, name string) {
	claim := w.claims[name]
	plan, err := planClaim(w.look(claim))
	if err != nil {
		t.Fatal(err)
	}
	volume := plan.bind
	if volume == nil {
		if next, changed := claimStatus(claim, plan.phase, nil); changed && plan.phase != "" {
			w.write(func() { w.claims[name] = next })
		}
		return
	}
	if next, changed, _ := volumehelpers.GetBindVolumeToClaim(volume, claim); changed {
		if !w.write(func() { w.volumes[volume.Name], volume = next, next }) {
			return
		}
	}
	if next, changed := volumePhase(volume, corev1.VolumeBound, ""); changed {
		if !w.write(func() { w.volumes[volume.Name], volume = next, next }) {
			return
		}
	}
	if next, changed := boundClaim(claim, volume); changed {
		if !w.write(func() { w.claims[name], claim = next, next }) {
			return
		}
	}
	if next, changed := claimStatus(claim, corev1.ClaimBound, volume); changed {
		w.write(func() { w.claims[name] = next })
	}
}

func (w *world) reconcileVolume(name string) {
	volume := w.volumes[name]
	var claim *corev1.PersistentVolumeClaim
	if ref := volume.Spec.ClaimRef; ref != nil && ref.UID != "" {
		if c := w.claims[ref.Name]; c != nil && c.UID == ref.UID {
			claim = c
		}
	}
	plan := planVolume(volume, claim, isOurs)
	if plan.unbind {
		volume = unbound(volume)
		if !w.write(func() { w.volumes[name] = volume }) {
			return
		}
	}
	if plan.phase != "" {
		if next, changed := volumePhase(volume, plan.phase, plan.message); changed {
			w.write(func() { w.volumes[name] = next })
		}
	}
}

func (w *world) settle(t *rapid.T) {
	for range 100 {
		w.writes, w.wrote = 1000, 0
		for _, name := range slices.Sorted(maps.Keys(w.claims)) {
			w.reconcileClaim(t, name)
		}
		for _, name := range slices.Sorted(maps.Keys(w.volumes)) {
			w.reconcileVolume(name)
		}
		if w.wrote == 0 {
			return
		}
	}
	t.Fatalf("it never comes to rest")
}

// check is what holds at every moment.
func (w *world) check(t *rapid.T) {
	of := map[string]string{} // volume to the claim that has it
	for name, claim := range w.claims {
		if _, completed := claim.Annotations[volumehelpers.AnnBindCompleted]; !completed || claim.Status.Phase == corev1.ClaimLost {
			continue
		}
		volume := w.volumes[claim.Spec.VolumeName]
		if volume == nil {
			continue // a user took it away
		}
		if volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != claim.UID {
			t.Fatalf("claim %s has volume %s, which has %v", name, volume.Name, volume.Spec.ClaimRef)
		}
		if other, taken := of[volume.Name]; taken {
			t.Fatalf("claims %s and %s both have volume %s", name, other, volume.Name)
		}
		of[volume.Name] = name
		asked := claim.DeepCopy()
		if _, ours := volume.Annotations[volumehelpers.AnnBoundByController]; !ours {
			// Whoever writes a claimRef gives the volume away, of whichever class.
			asked.Spec.StorageClassName = &volume.Spec.StorageClassName
		}
		if err := satisfies(asked, volume); err != nil {
			t.Fatalf("claim %s has volume %s: %v", name, volume.Name, err)
		}
		if meant := volume.Annotations["test/meant-for"]; meant != "" && meant != name {
			t.Fatalf("claim %s has volume %s, which is meant for %s", name, volume.Name, meant)
		}
	}
}

// Whatever is created and deleted, and wherever the controller is interrupted: no two claims get one volume, none gets
// one smaller than it asked for or one that is meant for another, and in the end every claim that a volume is left for
// has one.
func TestBinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{claims: map[string]*corev1.PersistentVolumeClaim{}, volumes: map[string]*corev1.PersistentVolume{}}
		class := rapid.SampledFrom([]string{"", "x"})
		gigabytes := rapid.IntRange(1, 4)
		claimName := rapid.SampledFrom([]string{"c0", "c1", "c2", "c3"})
		pick := func(t *rapid.T, names []string) string {
			if len(names) == 0 {
				t.Skip("there is none")
			}
			slices.Sort(names)
			return rapid.SampledFrom(names).Draw(t, "name")
		}
		t.Repeat(map[string]func(*rapid.T){
			"create a claim": func(t *rapid.T) {
				name := claimName.Draw(t, "claim")
				if w.claims[name] != nil {
					t.Skip("it exists")
				}
				w.serial++
				claim := newClaim(name, class.Draw(t, "class"))
				claim.UID = types.UID(fmt.Sprint("uid-", w.serial))
				claim.Spec.Resources.Requests = size(fmt.Sprint(gigabytes.Draw(t, "size"), "Gi"))
				if volumes := slices.Sorted(maps.Keys(w.volumes)); len(volumes) > 0 && rapid.Bool().Draw(t, "by name") {
					claim.Spec.VolumeName = rapid.SampledFrom(volumes).Draw(t, "volume")
				}
				w.claims[name] = claim
			},
			"delete a claim": func(t *rapid.T) { delete(w.claims, pick(t, slices.Collect(maps.Keys(w.claims)))) },
			"create a volume": func(t *rapid.T) {
				w.serial++
				volume := newVolume(fmt.Sprint("v", w.serial), fmt.Sprint(gigabytes.Draw(t, "size"), "Gi"), class.Draw(t, "class"))
				volume.Status.Phase = corev1.VolumePending
				if rapid.Bool().Draw(t, "meant for a claim") {
					meant := claimName.Draw(t, "claim")
					forClaim(meant, "")(volume)
					// One of its own class, as the documentation asks for; nobody checks it.
					if c := w.claims[meant]; c != nil {
						volume.Spec.StorageClassName = *c.Spec.StorageClassName
					} else {
						volume.Spec.ClaimRef = nil
					}
					if volume.Spec.ClaimRef != nil {
						volume.Spec.ClaimRef.UID = w.claims[meant].UID
						volume.Annotations["test/meant-for"] = meant
					}
				}
				w.volumes[volume.Name] = volume
			},
			"delete a volume": func(t *rapid.T) { delete(w.volumes, pick(t, slices.Collect(maps.Keys(w.volumes)))) },
			"see to a claim": func(t *rapid.T) {
				w.writes = rapid.IntRange(0, 5).Draw(t, "writes")
				w.reconcileClaim(t, pick(t, slices.Collect(maps.Keys(w.claims))))
			},
			"see to a volume": func(t *rapid.T) {
				w.writes = rapid.IntRange(0, 3).Draw(t, "writes")
				w.reconcileVolume(pick(t, slices.Collect(maps.Keys(w.volumes))))
			},
			"": w.check,
		})
		w.settle(t)
		w.check(t)
		for name, claim := range w.claims {
			if claim.Status.Phase != corev1.ClaimPending || claim.Spec.VolumeName != "" {
				continue
			}
			for _, volume := range w.volumes {
				if isFree(volume) && satisfies(claim, volume) == nil {
					t.Fatalf("claim %s waits, and volume %s is free", name, volume.Name)
				}
			}
		}
		for name, volume := range w.volumes {
			held := slices.ContainsFunc(slices.Collect(maps.Values(w.claims)), func(c *corev1.PersistentVolumeClaim) bool {
				return c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName == name
			})
			if held != (volume.Status.Phase == corev1.VolumeBound) && volume.Annotations["test/meant-for"] == "" {
				t.Fatalf("volume %s is %s, and that a claim has it is %t", name, volume.Status.Phase, held)
			}
		}
	})
}
