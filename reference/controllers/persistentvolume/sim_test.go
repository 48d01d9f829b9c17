package persistentvolume

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// air is a provisioner that always succeeds and needs no memory.
type air struct{}

func (air) Provision(_ context.Context, r Request) (*corev1.PersistentVolume, error) {
	return &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		Capacity: corev1.ResourceList{corev1.ResourceStorage: r.Claim.Spec.Resources.Requests[corev1.ResourceStorage]}}}, nil
}

func (air) Delete(context.Context, *corev1.PersistentVolume) error { return nil }

// bindingHolds says of every claim that is bound that its volume is its alone and fits.
func bindingHolds(w *sim.World, write sim.Write) error {
	volumes, of := map[string]*corev1.PersistentVolume{}, map[string]string{}
	for _, v := range sim.List[*corev1.PersistentVolume](w) {
		volumes[v.Name] = v
	}
	for _, claim := range sim.List[*corev1.PersistentVolumeClaim](w) {
		volume := volumes[claim.Spec.VolumeName]
		if claim.Annotations[volumehelpers.AnnBindCompleted] == "" || claim.Status.Phase == corev1.ClaimLost || volume == nil || volume.DeletionTimestamp != nil {
			continue
		}
		if ref := volume.Spec.ClaimRef; ref == nil || ref.UID != claim.UID {
			return fmt.Errorf("claim %s names volume %s, which names %v", claim.Name, volume.Name, ref)
		}
		if other, taken := of[volume.Name]; taken {
			return fmt.Errorf("volume %s has the claims %s and %s", volume.Name, claim.Name, other)
		}
		of[volume.Name] = claim.Name
		asked := claim.DeepCopy()
		if volume.Annotations[volumehelpers.AnnBoundByController] == "" {
			// Whoever writes a claimRef gives the volume away, of whichever class.
			asked.Spec.StorageClassName = &volume.Spec.StorageClassName
		}
		if err := satisfies(asked, volume); err != nil {
			return fmt.Errorf("claim %s has volume %s: %w", claim.Name, volume.Name, err)
		}
		if meant := volume.Annotations["meant-for"]; meant != "" && meant != claim.Name {
			return fmt.Errorf("claim %s has volume %s, which is meant for %s", claim.Name, volume.Name, meant)
		}
	}
	return nil
}

// everythingIsBound says that no claim waits for a volume that is free, and that phases are right.
func everythingIsBound(w *sim.World) error {
	claims := map[string]*corev1.PersistentVolumeClaim{}
	for _, claim := range sim.List[*corev1.PersistentVolumeClaim](w) {
		claims[claim.Name] = claim
	}
	for _, v := range sim.List[*corev1.PersistentVolume](w) {
		var owner *corev1.PersistentVolumeClaim
		if ref := v.Spec.ClaimRef; ref != nil && claims[ref.Name] != nil && claims[ref.Name].UID == ref.UID {
			owner = claims[ref.Name]
		}
		switch {
		case v.Status.Phase == corev1.VolumePending:
			return fmt.Errorf("volume %s is still Pending", v.Name)
		case (owner != nil) != (v.Status.Phase == corev1.VolumeBound):
			return fmt.Errorf("volume %s is %s, its claim is %v", v.Name, v.Status.Phase, owner)
		case owner == nil && held(v):
			return fmt.Errorf("volume %s was made and is not wanted", v.Name)
		}
		for _, claim := range claims {
			if claim.Status.Phase == corev1.ClaimPending && isFree(v) && satisfies(claim, v) == nil {
				return fmt.Errorf("claim %s waits, and volume %s is free", claim.Name, v.Name)
			}
		}
	}
	for _, claim := range claims {
		bound := claim.Annotations[volumehelpers.AnnBindCompleted] != ""
		if bound == (claim.Status.Phase == corev1.ClaimPending) {
			return fmt.Errorf("claim %s is bound: %t, and %s", claim.Name, bound, claim.Status.Phase)
		}
		if claim.Status.Phase == corev1.ClaimPending && *claim.Spec.StorageClassName == "made" {
			return fmt.Errorf("no volume was made for claim %s", claim.Name)
		}
	}
	return nil
}

func TestBindsInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		class := rapid.SampledFrom([]string{"", "none", "made"})
		gigabytes := rapid.IntRange(1, 4)
		number := rapid.IntRange(0, 3)
		return sim.Scenario{
			Nodes: -1,
			Controllers: map[string]sim.New{"binder": func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
				return New(client, shared, events, map[string]Provisioner{ours: air{}})
			}},
			Objects: []sim.Object{newClass("made", ours, storagev1.VolumeBindingImmediate)},
			Actions: map[string]sim.Action{
				"create a claim": func(t *rapid.T) sim.Act {
					claim := newClaim(fmt.Sprint("c", number.Draw(t, "claim")), class.Draw(t, "class"))
					claim.Namespace, claim.UID = "", ""
					claim.Spec.Resources.Requests = size(fmt.Sprint(gigabytes.Draw(t, "size"), "Gi"))
					return func(w *sim.World) { w.Create(claim.DeepCopy()) }
				},
				"create a volume": func(t *rapid.T) sim.Act {
					meant := rapid.IntRange(-3, 3).Draw(t, "meant for")
					volume := newVolume("", fmt.Sprint(gigabytes.Draw(t, "size"), "Gi"), rapid.SampledFrom([]string{"", "none"}).Draw(t, "class"))
					volume.UID, volume.Status.Phase = "", corev1.VolumePending
					return func(w *sim.World) {
						made := volume.DeepCopy()
						made.Name = fmt.Sprint("v", len(w.Writes())) // never the same again
						if claim, there := sim.Get[*corev1.PersistentVolumeClaim](w, fmt.Sprint("c", meant)); there {
							made.Spec.ClaimRef = &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
							made.Spec.StorageClassName, made.Spec.Capacity = *claim.Spec.StorageClassName, size("4Gi")
							made.Annotations["meant-for"] = claim.Name
						}
						w.Create(made)
					}
				},
				"delete a claim": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "claim")
					return func(w *sim.World) { sim.Delete[*corev1.PersistentVolumeClaim](w, fmt.Sprint("c", n)) }
				},
				"delete a volume": func(t *rapid.T) sim.Act {
					n := rapid.IntRange(0, 5).Draw(t, "volume")
					return func(w *sim.World) {
						if all := sim.List[*corev1.PersistentVolume](w); len(all) > n {
							_ = w.Client.CoreV1().PersistentVolumes().Delete(context.Background(), all[n].Name, metav1.DeleteOptions{}) // it may just have gone
						}
					}
				},
			},
			Invariants: map[string]sim.Invariant{"one claim, one volume that fits": bindingHolds},
			Settled:    everythingIsBound,
		}
	})
}
