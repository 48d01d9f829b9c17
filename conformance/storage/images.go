package storage

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// noImage names an image of a registry that refuses every connection at once.
const noImage = "127.0.0.1:1/conformance/none-such:v1"

// withImage gives the pod's container the image as a volume at /image.
func withImage(pod *corev1.Pod, image string, policy corev1.PullPolicy) *corev1.Pod {
	pod.Spec.Volumes = []corev1.Volume{{Name: "image", VolumeSource: corev1.VolumeSource{
		Image: &corev1.ImageVolumeSource{Reference: image, PullPolicy: policy}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "image", MountPath: "/image"}}
	return pod
}

func waitsWith(reason string) func([]*corev1.Pod) bool {
	return func(pods []*corev1.Pod) bool { return len(pods) == 1 && WaitingReason(pods[0], "main") == reason }
}

var _ = Describe("image volumes and limits", func() {
	f := New()

	f.It("storage/empty-dir-size-limit", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "writer")
		pod := Pod("writer", "sh", "fill /small/file 8; fill /large/file 8; sleep 1h")
		small, large := resource.MustParse("2Mi"), resource.MustParse("1Gi")
		pod.Spec.Volumes = []corev1.Volume{
			{Name: "large", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &large}}},
			{Name: "small", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &small}}},
		}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "small", MountPath: "/small"}, {Name: "large", MountPath: "/large"}}
		f.Create(ctx, pod)
		seen := watched.MustReach(ctx, "it is evicted", func(pods []*corev1.Pod) bool {
			return len(pods) == 1 && pods[0].Status.Phase == corev1.PodFailed
		})[0]
		Expect(seen.Status.Reason).To(Equal("Evicted"))
		Expect(seen.Status.Message).To(Equal(`Usage of EmptyDir volume "small" exceeds the limit "2Mi". `))
	})

	f.It("storage/image-volume", func(ctx SpecContext) {
		f.Create(ctx, withImage(Pod("reader", "sleep", "1h"), Image("tool"), corev1.PullIfNotPresent))
		f.WaitPodReady(ctx, "reader")
		Expect(f.MustExec(ctx, "reader", "main", "/tool", "cat", "/image/etc/passwd")).To(ContainSubstring("nonroot:x:65532:"))
		Expect(f.MustExec(ctx, "reader", "main", "/tool", "ls", "/image")).To(ContainSubstring("tool"))
		refused := f.Exec(ctx, "reader", "main", "/tool", "write", "/image/etc/passwd", "mine")
		Expect(refused.Code).NotTo(BeZero(), "the image was written to")
		Expect(refused.Stderr).To(ContainSubstring("read-only file system"))
	})

	f.It("storage/image-volume-sub-path", func(ctx SpecContext) {
		pod := withImage(Pod("reader", "sleep", "1h"), Image("tool"), corev1.PullIfNotPresent)
		pod.Spec.Containers[0].VolumeMounts[0].SubPath = "etc"
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		Expect(f.MustExec(ctx, "reader", "main", "/tool", "ls", "/image")).To(And(ContainSubstring("passwd"), Not(ContainSubstring("tool"))))
	})

	f.It("storage/image-volume-missing", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "reader")
		pod := withImage(Pod("reader", "sleep", "1h"), noImage, corev1.PullIfNotPresent)
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the volume's image cannot be pulled", waitsWith("ErrImagePull"))
		watched.MustReach(ctx, "it waits before the next try", waitsWith("ImagePullBackOff"))
		f.WaitEvent(ctx, pod, "Failed")
	})

	f.It("storage/image-volume-pull-secret", func(ctx SpecContext) {
		registry := f.Registry(ctx, f.Path("private")+"=alice:wonderland")
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		with, without := Pod("with", "sleep", "1h"), Pod("without", "sleep", "1h")
		with.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "alice"}}
		for _, pod := range []*corev1.Pod{with, without} {
			pod.Spec.NodeName = registry.Node
			withImage(pod, registry.Image("private/x"), corev1.PullIfNotPresent)
		}
		f.Create(ctx, with)
		f.WaitPodReady(ctx, "with")
		Expect(f.MustExec(ctx, "with", "main", "/tool", "cat", "/image/repository")).To(Equal(f.Path("private/x")))
		watched := f.WatchPod(ctx, "without")
		f.Create(ctx, without)
		watched.MustReach(ctx, "the volume's image is refused", waitsWith("ErrImagePull"))
	})

	f.It("storage/image-volume-never-pulled", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "reader")
		f.Create(ctx, withImage(Pod("reader", "sleep", "1h"), noImage, corev1.PullNever))
		watched.MustReach(ctx, "the volume's image is not there", waitsWith("ErrImageNeverPull"))
	})
})
