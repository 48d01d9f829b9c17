package storage

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("hostile use of volumes", func() {
	f := New()

	f.It("storage/sub-path-race", func(ctx SpecContext) {
		// One name is in turn a directory of the volume and a link to the root, while containers are started on it.
		const containers = 12
		pod := Once("racers", "ls", "/part")
		mount := corev1.VolumeMount{Name: "data", MountPath: "/data"}
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: emptyDir()}}
		prepare := Container("prepare", "sh", "mkdir /data/good/etc; touch /data/good/mine /data/good/etc/mine; symlink / /data/evil")
		swapper := Container("swapper", "swap", "/data/good", "/data/evil")
		swapper.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		prepare.VolumeMounts, swapper.VolumeMounts = []corev1.VolumeMount{mount}, []corev1.VolumeMount{mount}
		pod.Spec.InitContainers = []corev1.Container{prepare, swapper}
		pod.Spec.Containers = nil
		for i := range containers {
			c := Container(fmt.Sprintf("c-%d", i), "ls", "/part")
			c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/part", SubPath: []string{"good", "good/etc"}[i%2]}}
			pod.Spec.Containers = append(pod.Spec.Containers, c)
		}
		watched := f.WatchPod(ctx, "racers")
		f.Create(ctx, pod)
		ended := func(p *corev1.Pod, i int) bool { return Terminated(p, fmt.Sprintf("c-%d", i)) != nil }
		seen := watched.MustReach(ctx, "each container has started or was refused, and some have started", func(pods []*corev1.Pod) bool {
			started := 0
			for i := range containers {
				switch {
				case len(pods) != 1:
					return false
				case ended(pods[0], i):
					started++
				case !strings.HasPrefix(WaitingReason(pods[0], fmt.Sprintf("c-%d", i)), "CreateContainer"):
					return false
				}
			}
			return started >= containers/4
		})[0]
		for i := range containers {
			if ended(seen, i) && Terminated(seen, fmt.Sprintf("c-%d", i)).ExitCode == 0 {
				log := f.Logs(ctx, "racers", corev1.PodLogOptions{Container: fmt.Sprintf("c-%d", i)})
				Expect(log).To(BeElementOf("etc\nmine\n", "mine\n"), "what container %d was given", i)
			}
		}
		f.MustServe(ctx, seen.Spec.NodeName)
	})

	f.It("storage/sub-path-odd-names", func(ctx SpecContext) {
		odd := "a b/$(x)/ü'\"; #\n…/-rf"
		pod := with(emptyDir(), two("odd"))
		pod.Spec.Containers[1].VolumeMounts[0] = corev1.VolumeMount{Name: "data", MountPath: "/mnt " + odd, SubPath: odd}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "odd")
		f.MustExec(ctx, "odd", "other", "/tool", "write", "/mnt "+odd+"/word", "hello")
		Expect(f.MustExec(ctx, "odd", "main", "/tool", "cat", "/data/"+odd+"/word")).To(Equal("hello"))
	})

	f.It("storage/config-map-large", func(ctx SpecContext) {
		large := strings.Repeat("0123456789abcdef", 1<<16) // with no room for anything else
		f.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Data: map[string]string{"k": large}})
		source := corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "large"}}}
		pod := with(source, Pod("reader", "sleep", "1h"))
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "reader").Spec.NodeName
		Expect(f.MustExec(ctx, "reader", "", "/tool", "cat", "/data/k") == large).To(BeTrue(), "the file is the whole of the ConfigMap")
		f.MustServe(ctx, node)
	})

	f.It("storage/empty-dir-memory-full", func(ctx SpecContext) {
		size := resource.MustParse("4Mi")
		pod := with(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size}}, Pod("full", "sleep", "1h"))
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "full").Spec.NodeName
		out := f.Exec(ctx, "full", "", "/tool", "fill", "/data/file", "64")
		Expect(out.Code).NotTo(BeZero(), "writing more than there is room for")
		Expect(out.Stderr).To(ContainSubstring("no space left on device"))
		f.MustServe(ctx, node)
	})

	f.It("storage/hostile-many-files", func(ctx SpecContext) {
		pod := with(emptyDir(), Pod("maker", "sleep", "1h"))
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "maker").Spec.NodeName
		f.MustExec(ctx, "maker", "", "/tool", "deep", "/data", "400", "20")
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		f.MustServe(ctx, node)
	})
})
