package storage

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("binding", func() {
	f := New()

	f.It("storage/binds", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		v := volume(f, "a", own, "2Gi")
		v.Spec.AccessModes = append(v.Spec.AccessModes, corev1.ReadOnlyMany)
		f.CreateForCluster(ctx, v)
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		c = named(pvcs.MustReach(ctx, "the claim is Bound to the volume", boundTo("c", v)), "c")
		storage := c.Status.Capacity[corev1.ResourceStorage]
		Expect(storage.String()).To(Equal("2Gi"), "the claim tells the volume's size")
		Expect(c.Status.AccessModes).To(ConsistOf(corev1.ReadWriteOnce, corev1.ReadOnlyMany), "the claim tells the volume's access modes")
		now := named(pvs.MustReach(ctx, "the volume is Bound", inPhase(v, corev1.VolumeBound)), v.Name)
		Expect(now.Spec.ClaimRef).NotTo(BeNil())
		Expect([]string{now.Spec.ClaimRef.Namespace, now.Spec.ClaimRef.Name, string(now.Spec.ClaimRef.UID)}).
			To(Equal([]string{f.Namespace, "c", string(c.UID)}), "the volume names the claim")
	})

	f.It("storage/waits-for-volume", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		f.Create(ctx, claim("c", own, "2Gi"))
		pvcs.MustNever(ctx, "the claim is bound", touched("c"), Quiet)
		v := volume(f, "a", own, "2Gi")
		f.CreateForCluster(ctx, v)
		pvcs.MustReach(ctx, "the claim is Bound to the volume that came", boundTo("c", v))
	})

	f.It("storage/waits-for-claim", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvs := volumes(ctx, f)
		v := volume(f, "a", own, "2Gi")
		f.CreateForCluster(ctx, v)
		pvs.MustReach(ctx, "the volume is Available", inPhase(v, corev1.VolumeAvailable))
		pvs.MustNever(ctx, "the volume gets a claim", taken(v), Quiet)
	})

	f.It("storage/smallest", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		small, fits, large := volume(f, "a", own, "1Gi"), volume(f, "b", own, "3Gi"), volume(f, "c", own, "9Gi")
		f.CreateForCluster(ctx, large, fits, small)
		for _, v := range []*corev1.PersistentVolume{small, fits, large} {
			pvs.MustReach(ctx, "every volume is Available", inPhase(v, corev1.VolumeAvailable))
		}
		f.Create(ctx, claim("c", own, "2Gi"))
		pvcs.MustReach(ctx, "the claim is Bound to the smallest volume that fits", boundTo("c", fits))
	})

	f.It("storage/one-to-one", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		pvcs.Throughout(ctx, "no volume has two claims", func(all []*corev1.PersistentVolumeClaim) string {
			of := map[string]string{}
			for _, c := range all {
				if other, twice := of[c.Spec.VolumeName]; twice && c.Spec.VolumeName != "" {
					return fmt.Sprintf("volume %s has the claims %s and %s", c.Spec.VolumeName, other, c.Name)
				}
				of[c.Spec.VolumeName] = c.Name
			}
			return ""
		})
		var wanted []Object
		for i := range 6 {
			wanted = append(wanted, claim(fmt.Sprint("c", i), own, "1Gi"))
		}
		f.Create(ctx, wanted...)
		f.CreateForCluster(ctx, volume(f, "a", own, "1Gi"), volume(f, "b", own, "2Gi"), volume(f, "c", own, "3Gi"))
		bound := func(all []*corev1.PersistentVolumeClaim) (n int) {
			for _, c := range all {
				if c.Status.Phase == corev1.ClaimBound {
					n++
				}
			}
			return n
		}
		pvcs.MustReach(ctx, "three claims are Bound", func(all []*corev1.PersistentVolumeClaim) bool { return bound(all) == 3 })
		pvs.MustReach(ctx, "all volumes are Bound", func(all []*corev1.PersistentVolume) bool {
			n := 0
			for _, v := range all {
				if v.Status.Phase == corev1.VolumeBound {
					n++
				}
			}
			return n == 3
		})
		pvcs.MustNever(ctx, "another number of claims is bound", func(all []*corev1.PersistentVolumeClaim) bool { return bound(all) != 3 }, Quiet)
	})

	f.It("storage/stays-bound", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		large := volume(f, "a", own, "9Gi")
		f.CreateForCluster(ctx, large)
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim is Bound to the only volume", boundTo("c", large))
		f.CreateForCluster(ctx, volume(f, "b", own, "1Gi"))
		pvcs.MustNever(ctx, "the claim leaves its volume", func(all []*corev1.PersistentVolumeClaim) bool { return !boundTo("c", large)(all) }, Quiet)
	})

	f.It("storage/lost", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim is Bound", boundTo("c", v))
		f.Delete(ctx, v)
		f.Patch(ctx, v, `{"metadata":{"finalizers":null}}`) // by force, past its protection
		pvcs.MustReach(ctx, "the claim is Lost", is("c", func(c *corev1.PersistentVolumeClaim) bool {
			return c.Status.Phase == corev1.ClaimLost
		}))
	})
})
