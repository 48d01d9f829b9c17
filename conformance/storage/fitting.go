package storage

import (
	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// mustFit shows that the claim waits beside volumes that do not fit it, which stay Available, and takes the one that does.
func mustFit(ctx SpecContext, f *Framework, c *corev1.PersistentVolumeClaim, fits *corev1.PersistentVolume, unfit ...*corev1.PersistentVolume) {
	GinkgoHelper()
	pvcs, pvs := claims(ctx, f), volumes(ctx, f)
	for _, v := range unfit {
		f.CreateForCluster(ctx, v)
		pvs.MustReach(ctx, v.Name+" is Available", inPhase(v, corev1.VolumeAvailable))
	}
	f.Create(ctx, c)
	pvcs.MustNever(ctx, "the claim is bound to a volume that does not fit", touched(c.Name), Quiet)
	f.CreateForCluster(ctx, fits)
	pvcs.MustReach(ctx, "the claim is Bound to the volume that fits", boundTo(c.Name, fits))
	for _, v := range unfit {
		pvs.MustReach(ctx, v.Name+" still is free", func(all []*corev1.PersistentVolume) bool { return !taken(v)(all) })
	}
}

var _ = Describe("what fits a claim", func() {
	f := New()

	f.It("storage/never-smaller", func(ctx SpecContext) {
		own := immediate(ctx, f)
		mustFit(ctx, f, claim("c", own, "2Gi"), volume(f, "fits", own, "2Gi"), volume(f, "a", own, "1Gi"), volume(f, "b", own, "2047Mi"))
	})

	f.It("storage/access-modes", func(ctx SpecContext) {
		own := immediate(ctx, f)
		with := func(name string, modes ...corev1.PersistentVolumeAccessMode) *corev1.PersistentVolume {
			v := volume(f, name, own, "1Gi")
			v.Spec.AccessModes = modes
			return v
		}
		c := claim("c", own, "1Gi")
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany}
		mustFit(ctx, f, c, with("fits", corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany),
			with("a", corev1.ReadWriteOnce), with("b", corev1.ReadOnlyMany), with("c", corev1.ReadWriteMany))
	})

	f.It("storage/class", func(ctx SpecContext) {
		own := immediate(ctx, f)
		mustFit(ctx, f, claim("c", own, "1Gi"), volume(f, "fits", own, "1Gi"), volume(f, "a", "another-"+own, "1Gi"), volume(f, "b", "", "1Gi"))
		// The selector keeps the claim off everybody else's volumes without a class.
		classless := claim("d", "", "1Gi")
		classless.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{ofSpec: f.Namespace}}
		pvcs := claims(ctx, f)
		f.Create(ctx, classless)
		pvcs.MustReach(ctx, "the claim without a class is Bound to the volume without a class", func(all []*corev1.PersistentVolumeClaim) bool {
			c := named(all, "d")
			return c != nil && c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName == f.Namespace+"-b"
		})
	})

	f.It("storage/selector", func(ctx SpecContext) {
		own := immediate(ctx, f)
		with := func(name, disk, zone string) *corev1.PersistentVolume {
			v := volume(f, name, own, "1Gi")
			v.Labels["disk"], v.Labels["zone"] = disk, zone
			return v
		}
		c := claim("c", own, "1Gi")
		c.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"disk": "fast"},
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "zone", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"north"}}}}
		mustFit(ctx, f, c, with("fits", "fast", "south"), with("a", "slow", "south"), with("b", "fast", "north"), volume(f, "d", own, "1Gi"))
	})

	f.It("storage/volume-mode", func(ctx SpecContext) {
		own := immediate(ctx, f)
		block := volume(f, "a", own, "1Gi")
		block.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
		// A directory cannot be a block device; a local disk can.
		block.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/dev/none-such"}}
		block.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"none-such"}}}}}}}
		mustFit(ctx, f, claim("c", own, "1Gi"), volume(f, "fits", own, "1Gi"), block)
		raw := claim("d", own, "1Gi")
		raw.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
		pvcs := claims(ctx, f)
		f.Create(ctx, raw)
		pvcs.MustReach(ctx, "the claim for a block device is Bound to the block device", boundTo("d", block))
	})

	f.It("storage/attributes-class", func(ctx SpecContext) {
		own := immediate(ctx, f)
		f.CreateForCluster(ctx, &storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, DriverName: "none.conformance.etalon.dev",
			Parameters: map[string]string{"tier": "gold"}})
		with := func(name string, attributes *string) *corev1.PersistentVolume {
			v := volume(f, name, own, "1Gi")
			v.Spec.VolumeAttributesClassName = attributes
			v.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "none.conformance.etalon.dev", VolumeHandle: f.Namespace + name}}
			return v
		}
		c := claim("c", own, "1Gi")
		c.Spec.VolumeAttributesClassName = &f.Namespace
		mustFit(ctx, f, c, with("fits", &f.Namespace), with("a", nil))
	})
})
