package storage

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("reserving and reclaiming", func() {
	f := New()

	f.It("storage/by-name", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		better, asked := volume(f, "a", own, "1Gi"), volume(f, "b", own, "9Gi")
		f.CreateForCluster(ctx, better)
		c := claim("c", own, "1Gi")
		c.Spec.VolumeName = asked.Name
		f.Create(ctx, c)
		pvcs.MustNever(ctx, "the claim is bound although its volume does not exist", is("c", func(c *corev1.PersistentVolumeClaim) bool {
			return c.Status.Phase == corev1.ClaimBound
		}), Quiet)
		f.CreateForCluster(ctx, asked)
		pvcs.MustReach(ctx, "the claim is Bound to the volume that it names", boundTo("c", asked))
	})

	f.It("storage/by-name-checked", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		small, other, modes := volume(f, "small", own, "1Gi"), volume(f, "other", "another-"+own, "2Gi"), volume(f, "modes", own, "2Gi")
		modes.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}
		all := []*corev1.PersistentVolume{small, other, modes}
		for _, v := range all {
			f.CreateForCluster(ctx, v)
			pvs.MustReach(ctx, v.Name+" is Available", inPhase(v, corev1.VolumeAvailable))
			c := claim(v.Name, own, "2Gi")
			c.Spec.VolumeName = v.Name
			f.Create(ctx, c)
		}
		pvcs.MustNever(ctx, "a claim is bound to a volume that does not fit", func(now []*corev1.PersistentVolumeClaim) bool {
			for _, c := range now {
				if c.Status.Phase != corev1.ClaimPending {
					return true
				}
			}
			return false
		}, Quiet)
		for _, v := range all {
			pvs.MustReach(ctx, v.Name+" still is free", func(now []*corev1.PersistentVolume) bool { return !taken(v)(now) })
		}
	})

	f.It("storage/reserved", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		v := volume(f, "a", own, "1Gi")
		v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: f.Namespace, Name: "meant"}
		f.CreateForCluster(ctx, v)
		f.Create(ctx, claim("other", own, "1Gi"))
		pvcs.MustNever(ctx, "another claim gets the volume", touched("other"), Quiet)
		f.Create(ctx, claim("meant", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim that the volume is meant for is Bound to it", boundTo("meant", v))
		pvcs.MustNever(ctx, "another claim gets the volume", touched("other"), Quiet)
	})

	f.It("storage/retained", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		pvcs.MustReach(ctx, "the claim is Bound", boundTo("c", v))
		f.Delete(ctx, c)
		released := named(pvs.MustReach(ctx, "the volume is Released", inPhase(v, corev1.VolumeReleased)), v.Name)
		Expect(released.Spec.ClaimRef).NotTo(BeNil(), "a released volume tells whose it was")
		Expect(released.Spec.ClaimRef.UID).To(Equal(c.UID))
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the new claim of the name exists", func(all []*corev1.PersistentVolumeClaim) bool {
			now := named(all, "c")
			return now != nil && now.UID != c.UID
		})
		pvcs.MustNever(ctx, "a released volume is given to a new claim of the name", touched("c"), Quiet)
		f.Patch(ctx, v, `{"spec":{"claimRef":null}}`)
		pvcs.MustReach(ctx, "the claim is Bound to the volume that was freed", boundTo("c", v))
	})

	f.It("storage/phase-since", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		available := named(pvs.MustReach(ctx, "the volume is Available", inPhase(v, corev1.VolumeAvailable)), v.Name)
		Expect(available.Status.LastPhaseTransitionTime).NotTo(BeNil(), "it is told since when the volume is Available")
		// The time is told in seconds.
		f.WaitUntil(ctx, "a second has passed", SettleTimeout, secondAfter(available.Status.LastPhaseTransitionTime.Time))
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim is Bound", boundTo("c", v))
		bound := named(pvs.MustReach(ctx, "the volume is Bound", inPhase(v, corev1.VolumeBound)), v.Name)
		Expect(bound.Status.LastPhaseTransitionTime).NotTo(BeNil(), "it is told since when the volume is Bound")
		Expect(bound.Status.LastPhaseTransitionTime.After(available.Status.LastPhaseTransitionTime.Time)).To(BeTrue(), "it is Bound since later than it was Available")
	})

	f.It("storage/volume-in-use", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		pvcs.MustReach(ctx, "the claim is Bound", boundTo("c", v))
		pvs.MustReach(ctx, "the volume is Bound", inPhase(v, corev1.VolumeBound))
		f.Delete(ctx, v)
		pvs.MustReach(ctx, "the volume is about to go", func(all []*corev1.PersistentVolume) bool {
			now := named(all, v.Name)
			return now == nil || now.DeletionTimestamp != nil
		})
		pvs.MustNever(ctx, "the volume goes while its claim is there", func(all []*corev1.PersistentVolume) bool { return named(all, v.Name) == nil }, Quiet)
		f.Delete(ctx, c)
		pvs.MustReach(ctx, "the volume is gone", func(all []*corev1.PersistentVolume) bool { return named(all, v.Name) == nil })
	})
})
