package storage

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("CSI drivers", func() {
	f := New()

	f.It("storage/csi-registration", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		n, err := f.API.StorageV1().CSINodes().Get(ctx, d.node.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(n.OwnerReferences).To(ContainElement(And(HaveField("Kind", "Node"), HaveField("UID", d.node.UID))), "the CSINode is the Node's")
		host := d.node.Labels[corev1.LabelHostname]
		Expect(n.Spec.Drivers).To(ContainElement(storagev1.CSINodeDriver{
			Name: d.name, NodeID: host, TopologyKeys: []string{corev1.LabelHostname}, Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To[int32](100)},
		}))
		f.Delete(ctx, &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "csi"}})
		Eventually(ctx, d.registered).WithTimeout(PodTimeout).WithPolling(100*time.Millisecond).
			ShouldNot(ContainElement(d.name), "the CSINode does not name a driver whose socket is gone")
	})

	f.It("storage/csi-provisioning", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		first := d.consumer("first", fromClaim("data"))
		d.start(ctx, first)
		f.MustExec(ctx, "first", "", "/tool", "write", "/data/file", "kept")
		d.end(ctx, first)
		d.start(ctx, d.consumer("second", fromClaim("data")))
		Expect(f.MustExec(ctx, "second", "", "/tool", "cat", "/data/file")).To(Equal("kept"))
	})

	f.It("storage/csi-attach-first", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		// An attacher may ask again when it could not note the answer.
		calls := slices.CompactFunc(d.calls(ctx, "ControllerPublishVolume", "NodeStageVolume", "NodePublishVolume"), sameCall)
		Expect(methodsOf(calls)).To(Equal([]string{"ControllerPublishVolume", "NodeStageVolume", "NodePublishVolume"}))
		for _, c := range calls[1:] {
			Expect(c.Context).To(And(HaveKeyWithValue("attached-to", d.node.Labels[corev1.LabelHostname]), HaveKeyWithValue("flavour", "vanilla")),
				"%s is told what the attacher and the class said", c.Method)
		}
		name := corev1.UniqueVolumeName("kubernetes.io/csi/" + d.name + "^" + calls[0].Volume)
		n, err := f.API.CoreV1().Nodes().Get(ctx, d.node.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(n.Status.VolumesInUse).To(ContainElement(name), "the node says that it uses the volume")
		d.end(ctx, pod)
		Eventually(ctx, func(ctx context.Context) []string {
			ended := d.calls(ctx, "NodeUnpublishVolume", "NodeUnstageVolume", "ControllerUnpublishVolume")
			return methodsOf(slices.CompactFunc(ended, sameCall))
		}).
			WithTimeout(PodTimeout).WithPolling(200*time.Millisecond).
			Should(Equal([]string{"NodeUnpublishVolume", "NodeUnstageVolume", "ControllerUnpublishVolume"}), "the volume is detached only after it is unmounted")
	})

	f.It("storage/csi-staged-once", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		one, two := d.consumer("one", fromClaim("data")), d.consumer("two", fromClaim("data"))
		d.start(ctx, one)
		d.start(ctx, two)
		calls := d.calls(ctx, "NodeStageVolume", "NodePublishVolume")
		Expect(methodsOf(calls)).To(Equal([]string{"NodeStageVolume", "NodePublishVolume", "NodePublishVolume"}))
		Expect(calls[1].Target).NotTo(Equal(calls[2].Target), "each pod has the volume at its own path")
		ended := func(ctx context.Context) []string {
			return methodsOf(d.calls(ctx, "NodeUnpublishVolume", "NodeUnstageVolume"))
		}
		d.end(ctx, one)
		Eventually(ctx, ended).WithTimeout(PodTimeout).WithPolling(200 * time.Millisecond).Should(Equal([]string{"NodeUnpublishVolume"}))
		Consistently(ctx, ended).WithTimeout(Quiet).WithPolling(200*time.Millisecond).Should(Equal([]string{"NodeUnpublishVolume"}), "the other pod has it yet")
		d.end(ctx, two)
		Eventually(ctx, ended).WithTimeout(PodTimeout).WithPolling(200 * time.Millisecond).
			Should(Equal([]string{"NodeUnpublishVolume", "NodeUnpublishVolume", "NodeUnstageVolume"}))
	})

	f.It("storage/csi-inline", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		source := corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: d.name, VolumeAttributes: map[string]string{"size": "small"}}}
		pod := d.consumer("user", source)
		d.start(ctx, pod)
		f.MustExec(ctx, "user", "", "/tool", "write", "/data/file", "x")
		calls := d.calls(ctx)
		Expect(methodsOf(calls)).To(Equal([]string{"NodePublishVolume"}), "such a volume is neither attached nor staged")
		Expect(calls[0].Context).To(And(HaveKeyWithValue("size", "small"), HaveKeyWithValue("csi.storage.k8s.io/ephemeral", "true")))
		d.end(ctx, pod)
		Eventually(ctx, func(ctx context.Context) []string { return methodsOf(d.calls(ctx)) }).WithTimeout(PodTimeout).WithPolling(200 * time.Millisecond).
			Should(Equal([]string{"NodePublishVolume", "NodeUnpublishVolume"}))
	})

	f.It("storage/csi-pod-info", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		Expect(d.calls(ctx, "NodePublishVolume")[0].Context).To(And(
			HaveKeyWithValue("csi.storage.k8s.io/pod.name", "user"),
			HaveKeyWithValue("csi.storage.k8s.io/pod.namespace", f.Namespace),
			HaveKeyWithValue("csi.storage.k8s.io/pod.uid", string(pod.UID)),
			HaveKeyWithValue("csi.storage.k8s.io/serviceAccount.name", "default"),
			HaveKeyWithValue("csi.storage.k8s.io/ephemeral", "false"),
		))
		Expect(d.calls(ctx, "NodeStageVolume")[0].Context).NotTo(HaveKey("csi.storage.k8s.io/pod.name"), "the volume is staged for all pods")
	})

	f.It("storage/csi-fs-group", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](1000), RunAsGroup: ptr.To[int64](1000), FSGroup: ptr.To[int64](4321)}
		d.start(ctx, pod)
		f.MustExec(ctx, "user", "", "/tool", "write", "/data/file", "x")
		Expect(f.MustExec(ctx, "user", "", "/tool", "stat", "/data/file")).To(ContainSubstring("4321"))
	})

	f.It("storage/csi-expansion", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		pvcs := f.WatchClaims(ctx, "")
		c := d.claim("data")
		f.Create(ctx, c)
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		f.Edit(ctx, c, func() { c.Spec.Resources.Requests = size("16Mi") })
		d.touchWhenExpanded(ctx, pvcs, pod, 16<<20)
		grown := pvcs.MustReach(ctx, "the claim has 16Mi", func(all []*corev1.PersistentVolumeClaim) bool {
			return len(all) == 1 && all[0].Status.Capacity.Storage().Value() == 16<<20
		})[0]
		Expect(grown.Status.Conditions).NotTo(ContainElement(HaveField("Type", BeElementOf(
			corev1.PersistentVolumeClaimResizing, corev1.PersistentVolumeClaimFileSystemResizePending))), "nothing is to be done any more")
		Expect(grown.Status.AllocatedResourceStatuses).To(BeEmpty())
		calls := d.calls(ctx, "ControllerExpandVolume", "NodeExpandVolume")
		Expect(methodsOf(calls)).To(Equal([]string{"ControllerExpandVolume", "NodeExpandVolume"}))
		Expect(calls[1].Bytes).To(BeEquivalentTo(16 << 20))
	})
})
