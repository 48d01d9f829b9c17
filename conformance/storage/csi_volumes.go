package storage

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// statsTimeout is how long a node may take to measure a volume: it does so once a minute.
const statsTimeout = 3 * time.Minute

var _ = Describe("the volumes of CSI drivers", func() {
	f := New()

	f.It("storage/csi-block", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.device("disk"))
		first := d.deviceUser("first", fromClaim("disk"))
		d.start(ctx, first)
		for _, c := range d.calls(ctx, "NodeStageVolume", "NodePublishVolume") {
			Expect(c.Block).To(BeTrue(), "%s is asked for a device", c.Method)
		}
		Expect(f.MustExec(ctx, "first", "", "/tool", "device", "/dev/disk")).To(And(HavePrefix("block "), HaveSuffix(" 8388608")), "a device of the claim's size")
		f.MustExec(ctx, "first", "", "/tool", "write", "/dev/disk", "kept")
		d.end(ctx, first)
		d.start(ctx, d.deviceUser("second", fromClaim("disk")))
		Expect(f.MustExec(ctx, "second", "", "/tool", "head", "4", "/dev/disk")).To(Equal("kept"))
	})

	f.It("storage/csi-block-read-only", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.device("disk"))
		source := fromClaim("disk")
		source.PersistentVolumeClaim.ReadOnly = true
		d.start(ctx, d.deviceUser("reader", source))
		Expect(f.MustExec(ctx, "reader", "", "/tool", "device", "/dev/disk")).To(HavePrefix("block "))
		Expect(f.Exec(ctx, "reader", "", "/tool", "write", "/dev/disk", "x").Code).NotTo(BeZero(), "the container cannot write")
	})

	f.It("storage/csi-fs-group-none", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) { s.FSGroupPolicy = ptr.To(storagev1.NoneFSGroupPolicy) }))
		f.Create(ctx, d.claim("data"))
		d.start(ctx, ofGroup(d.consumer("user", fromClaim("data")), 4321))
		Expect(f.MustExec(ctx, "user", "", "/tool", "stat", "/data")).NotTo(ContainSubstring(":4321"))
	})

	f.It("storage/csi-fs-group-by-type", func(ctx SpecContext) {
		byType := driverWith(func(s *storagev1.CSIDriverSpec) {
			s.FSGroupPolicy = ptr.To(storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
		})
		d := startDriver(ctx, f, byType, classWith(func(c *storagev1.StorageClass) { c.Parameters["csi.storage.k8s.io/fstype"] = "ext4" }))
		many := d.claim("many")
		many.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		f.Create(ctx, d.claim("data"), many)
		pod := ofGroup(d.consumer("user", fromClaim("data")), 4321)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "many", VolumeSource: fromClaim("many")})
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "many", MountPath: "/many"})
		d.start(ctx, pod)
		Expect(d.calls(ctx, "NodeStageVolume")[0].FSType).To(Equal("ext4"))
		Expect(f.MustExec(ctx, "user", "", "/tool", "stat", "/data")).To(ContainSubstring(":4321"), "a file system of one node is the group's")
		Expect(f.MustExec(ctx, "user", "", "/tool", "stat", "/many")).NotTo(ContainSubstring(":4321"), "one of many nodes is not")
	})

	f.It("storage/fs-group-on-root-mismatch", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		first := ofGroup(d.consumer("first", fromClaim("data")), 4321)
		first.Spec.SecurityContext.RunAsUser = ptr.To[int64](0)
		d.start(ctx, first)
		f.MustExec(ctx, "first", "", "/tool", "write", "/data/file", "x")
		f.MustExec(ctx, "first", "", "/tool", "chown", "0:7", "/data/file")
		d.end(ctx, first)

		lazy := ofGroup(d.consumer("lazy", fromClaim("data")), 4321)
		lazy.Spec.SecurityContext.FSGroupChangePolicy = ptr.To(corev1.FSGroupChangeOnRootMismatch)
		d.start(ctx, lazy)
		Expect(f.MustExec(ctx, "lazy", "", "/tool", "stat", "/data/file")).To(ContainSubstring(" 0:7 "), "the volume's root is the group's already")
		d.end(ctx, lazy)

		other := ofGroup(d.consumer("other", fromClaim("data")), 5432)
		other.Spec.SecurityContext.FSGroupChangePolicy = ptr.To(corev1.FSGroupChangeOnRootMismatch)
		d.start(ctx, other)
		Expect(f.MustExec(ctx, "other", "", "/tool", "stat", "/data/file")).To(ContainSubstring(":5432 "), "the volume's root was another group's")
	})

	f.It("storage/csi-stats", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		f.MustExec(ctx, "user", "", "/tool", "write", "/data/file", "abcd")
		Eventually(ctx, func(ctx context.Context) *statsv1alpha1.VolumeStats { return d.measured(ctx, pod) }).
			WithTimeout(statsTimeout).WithPolling(time.Second).Should(And(Not(BeNil()),
			HaveField("PVCRef", HaveValue(Equal(statsv1alpha1.PVCReference{Name: "data", Namespace: f.Namespace}))),
			HaveField("CapacityBytes", HaveValue(BeEquivalentTo(8<<20))),
			HaveField("UsedBytes", HaveValue(BeEquivalentTo(5))),
			HaveField("AvailableBytes", HaveValue(BeEquivalentTo(8<<20-5))),
		), "the summary says of the volume what its driver does")
	})

	f.It("storage/csi-expansion-offline", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		pvcs := f.WatchClaims(ctx, "")
		c := d.claim("data")
		f.Create(ctx, c)
		first := d.consumer("first", fromClaim("data"))
		d.start(ctx, first)
		d.end(ctx, first)
		f.Edit(ctx, c, func() { c.Spec.Resources.Requests = size("16Mi") })
		waiting := pvcs.MustReach(ctx, "the claim waits for a node", func(all []*corev1.PersistentVolumeClaim) bool {
			return len(all) == 1 && all[0].Status.AllocatedResourceStatuses[corev1.ResourceStorage] == corev1.PersistentVolumeClaimNodeResizePending
		})[0]
		Expect(waiting.Status.Capacity.Storage().Value()).To(BeEquivalentTo(8<<20), "it is no larger yet")
		Expect(d.calls(ctx, "NodeExpandVolume")).To(BeEmpty())
		d.start(ctx, d.consumer("second", fromClaim("data")))
		f.Get(ctx, c)
		Expect(c.Status.Capacity.Storage().Value()).To(BeEquivalentTo(16<<20), "the pod started with the larger volume")
		Expect(c.Status.AllocatedResourceStatuses).To(BeEmpty())
		Expect(methodsOf(d.calls(ctx, "NodeExpandVolume"))).To(Equal([]string{"NodeExpandVolume"}))
	})

	f.It("storage/csi-expansion-refused", func(ctx SpecContext) {
		d := startDriver(ctx, f, refusing("NodeExpandVolume"))
		pvcs := f.WatchClaims(ctx, "")
		c := d.claim("data")
		f.Create(ctx, c)
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		f.Edit(ctx, c, func() { c.Spec.Resources.Requests = size("16Mi") })
		d.touchWhenExpanded(ctx, pvcs, pod, 16<<20)
		Expect(f.WaitEvent(ctx, pod, "VolumeResizeFailed").Message).To(And(
			ContainSubstring("NodeExpandVolume"), ContainSubstring(c.Spec.VolumeName), HaveSuffix("NodeExpandVolume is refused")))
		pvcs.MustReach(ctx, "the claim tells that its volume cannot grow", func(all []*corev1.PersistentVolumeClaim) bool {
			return len(all) == 1 && all[0].Status.AllocatedResourceStatuses[corev1.ResourceStorage] == corev1.PersistentVolumeClaimNodeResizeInfeasible
		})
		f.Get(ctx, pod)
		Expect(Ready(pod)).To(BeTrue(), "the pod runs on")
		f.Get(ctx, c)
		Expect(c.Status.Capacity.Storage().Value()).To(BeEquivalentTo(8 << 20))
	})
})

// ofGroup has the pod run as somebody of the group.
func ofGroup(pod *corev1.Pod, group int64) *corev1.Pod {
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](1000), RunAsGroup: ptr.To[int64](1000), FSGroup: &group}
	return pod
}

// device is a claim of a device.
func (d *csiDriver) device(name string) *corev1.PersistentVolumeClaim {
	c := d.claim(name)
	c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
	return c
}

// deviceUser is a pod that has the volume as /dev/disk.
func (d *csiDriver) deviceUser(name string, source corev1.VolumeSource) *corev1.Pod {
	pod := d.consumer(name, source)
	pod.Spec.Containers[0].VolumeMounts = nil
	pod.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/disk"}}
	return pod
}

// measured is what the node's summary says of the pod's volume, nil if nothing.
func (d *csiDriver) measured(ctx context.Context, pod *corev1.Pod) *statsv1alpha1.VolumeStats {
	GinkgoHelper()
	var s statsv1alpha1.Summary
	d.f.Ask(ctx, http.MethodGet, "/api/v1/nodes/"+d.node.Name+"/proxy/stats/summary", "").Must(http.StatusOK).Into(&s)
	for _, p := range s.Pods {
		for _, v := range p.VolumeStats {
			if p.PodRef.UID == string(pod.UID) && v.Name == "data" {
				return &v
			}
		}
	}
	return nil
}
