package storage

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func emptyDir() corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
}

func hostPath(path string, kind corev1.HostPathType) corev1.VolumeSource {
	return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind}}
}

// with gives the pod a volume "data", which all of its containers mount at /data.
func with(source corev1.VolumeSource, pod *corev1.Pod) *corev1.Pod {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: source})
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
		}
	}
	return pod
}

// two is a pod of two containers, main and other, that stay.
func two(name string) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.Containers = append(pod.Spec.Containers, Container("other", "sleep", "1h"))
	return pod
}

// mounted is how the kernel describes what is mounted at the path, as the container sees it.
func mounted(ctx context.Context, f *Framework, pod, container, path string) string {
	GinkgoHelper()
	for _, line := range strings.Split(f.MustExec(ctx, pod, container, "/tool", "cat", "/proc/mounts"), "\n") {
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] == path {
			return line
		}
	}
	return ""
}

// mustNotStart watches that the pod's container does not run, after the node has said so.
func mustNotStart(ctx context.Context, f *Framework, pod *corev1.Pod, reasons ...string) corev1.Event {
	GinkgoHelper()
	states := f.WatchPod(ctx, pod.Name)
	f.Create(ctx, pod)
	event := f.WaitEvent(ctx, pod, reasons...)
	states.MustNever(ctx, "container main runs", func(pods []*corev1.Pod) bool {
		for _, p := range pods {
			if s := Status(p, "main").State; s.Running != nil || s.Terminated != nil {
				return true
			}
		}
		return false
	}, Quiet)
	return event
}

var _ = Describe("volumes of pods", func() {
	f := New()

	f.It("storage/empty-dir-shared", func(ctx SpecContext) {
		pod := with(emptyDir(), two("shared"))
		pod.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To(int64(4711))}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "shared")
		Expect(f.MustExec(ctx, "shared", "main", "/tool", "ls", "/data")).To(BeEmpty(), "a new emptyDir")
		Expect(f.MustExec(ctx, "shared", "main", "/tool", "stat", "/data")).To(HavePrefix("0777 "), "mode of an emptyDir")
		f.MustExec(ctx, "shared", "other", "/tool", "write", "/data/word", "hello")
		Expect(f.MustExec(ctx, "shared", "main", "/tool", "cat", "/data/word")).To(Equal("hello"), "what another container wrote")
	})

	f.It("storage/volume-outlives-container", func(ctx SpecContext) {
		pods := f.WatchPod(ctx, "keeper")
		old := with(emptyDir(), Pod("keeper", "sh", "append /data/starts start; sleep 1h"))
		f.Create(ctx, old)
		f.WaitPodReady(ctx, "keeper")
		f.Exec(ctx, "keeper", "", "/tool", "kill", "TERM", "1")
		pods.MustReach(ctx, "the container runs again", func(all []*corev1.Pod) bool {
			return len(all) == 1 && Status(all[0], "main").RestartCount > 0 && Ready(all[0])
		})
		f.WaitUntil(ctx, "the volume tells of both starts", PodTimeout, func(ctx context.Context) (bool, string) {
			out, err := f.TryExec(ctx, "keeper", "", nil, "/tool", "cat", "/data/starts")
			return err == nil && strings.Count(out.Stdout, "start") == 2, out.Stdout
		})
		f.Delete(ctx, old)
		f.WaitGone(ctx, old)
		f.Create(ctx, with(emptyDir(), Once("keeper", "ls", "/data")))
		f.WaitPodSucceeded(ctx, "keeper")
		Expect(f.Logs(ctx, "keeper", corev1.PodLogOptions{})).To(BeEmpty(), "the volume of another pod of the same name")
	})

	f.It("storage/empty-dir-memory", func(ctx SpecContext) {
		size := resource.MustParse("8Mi")
		f.Create(ctx, with(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size}}, Pod("fast", "sleep", "1h")))
		f.WaitPodReady(ctx, "fast")
		Expect(mounted(ctx, f, "fast", "", "/data")).To(And(ContainSubstring(" tmpfs "), ContainSubstring("size=8192k")))
	})

	f.It("storage/host-path-types", func(ctx SpecContext) {
		base := "/tmp/" + f.Namespace
		node := f.Nodes(ctx)[0].Name
		on := func(pod *corev1.Pod) *corev1.Pod { pod.Spec.NodeName = node; return pod }
		DeferCleanup(func(ctx SpecContext) {
			f.Create(ctx, with(hostPath("/tmp", corev1.HostPathDirectory), on(Once("sweeper", "rm", "/data/"+f.Namespace))))
			f.WaitPodSucceeded(ctx, "sweeper")
		})
		f.Create(ctx, with(hostPath(base+"/made", corev1.HostPathDirectoryOrCreate), on(Once("dir", "write", "/data/x", "hello"))))
		f.WaitPodSucceeded(ctx, "dir")
		f.Create(ctx, with(hostPath(base+"/made/file", corev1.HostPathFileOrCreate), on(Once("file", "sh", "cat /data && write /data text"))))
		f.WaitPodSucceeded(ctx, "file")
		f.Create(ctx, with(hostPath(base+"/made/x", corev1.HostPathFile), on(Once("again", "cat", "/data"))))
		f.WaitPodSucceeded(ctx, "again")
		Expect(f.Logs(ctx, "again", corev1.PodLogOptions{})).To(Equal("hello\n"))
		f.Create(ctx, with(hostPath("/dev/null", corev1.HostPathCharDev), on(Once("device", "cat", "/proc/self/mountinfo"))))
		f.WaitPodSucceeded(ctx, "device")
		for name, source := range map[string]corev1.VolumeSource{
			"missing": hostPath(base+"/none", corev1.HostPathDirectory), "is-file": hostPath(base+"/made/x", corev1.HostPathDirectory),
			"is-dir": hostPath(base+"/made", corev1.HostPathFile), "no-socket": hostPath(base+"/made/x", corev1.HostPathSocket),
			"no-disk": hostPath("/dev/null", corev1.HostPathBlockDev),
		} {
			pod := with(source, on(Once(name, "ls")))
			f.Create(ctx, pod)
			Expect(f.WaitEvent(ctx, pod, "FailedMount").Message).To(ContainSubstring("type check failed"), name)
			f.Get(ctx, pod)
			Expect(pod.Status.Phase).To(Equal(corev1.PodPending), name)
		}
	})

	f.It("storage/read-only-mount", func(ctx SpecContext) {
		pod := with(emptyDir(), two("reader"))
		pod.Spec.Containers[1].VolumeMounts[0].ReadOnly = true
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		f.MustExec(ctx, "reader", "main", "/tool", "write", "/data/word", "hello")
		Expect(f.MustExec(ctx, "reader", "other", "/tool", "cat", "/data/word")).To(Equal("hello"))
		out := f.Exec(ctx, "reader", "other", "/tool", "write", "/data/word", "mine")
		Expect(out.Code).NotTo(BeZero(), "writing to a volume that is mounted read-only")
		Expect(out.Stderr).To(ContainSubstring("read-only file system"))
	})

	f.It("storage/sub-path", func(ctx SpecContext) {
		pod := with(emptyDir(), two("parts"))
		pod.Spec.InitContainers = []corev1.Container{Container("first", "sh", "mkdir /data/deep/er && write /data/deep/file hello")}
		pod.Spec.InitContainers[0].VolumeMounts = pod.Spec.Containers[0].VolumeMounts
		pod.Spec.Containers[1].VolumeMounts = []corev1.VolumeMount{
			{Name: "data", MountPath: "/dir", SubPath: "deep"}, {Name: "data", MountPath: "/etc/file", SubPath: "deep/file"}, {Name: "data", MountPath: "/fresh", SubPath: "is/new"}}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "parts")
		Expect(f.MustExec(ctx, "parts", "other", "/tool", "ls", "/dir")).To(Equal("er\nfile"), "the directory of the volume")
		Expect(f.MustExec(ctx, "parts", "other", "/tool", "cat", "/etc/file")).To(Equal("hello"), "the file of the volume")
		f.MustExec(ctx, "parts", "other", "/tool", "write", "/fresh/word", "made")
		Expect(f.MustExec(ctx, "parts", "main", "/tool", "cat", "/data/is/new/word")).To(Equal("made"), "what was written into the new directory")
	})

	f.It("storage/sub-path-expr", func(ctx SpecContext) {
		pod := with(emptyDir(), two("mine"))
		other := &pod.Spec.Containers[1]
		other.Env = []corev1.EnvVar{{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}
		other.VolumeMounts[0].SubPathExpr = "logs/$(POD)"
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "mine")
		f.MustExec(ctx, "mine", "other", "/tool", "write", "/data/word", "hello")
		Expect(f.MustExec(ctx, "mine", "main", "/tool", "cat", "/data/logs/mine/word")).To(Equal("hello"))
	})

	f.It("storage/sub-path-escape", func(ctx SpecContext) {
		for name, target := range map[string]string{"absolute": "/etc", "upwards": "../../../../../../../../../etc", "file": "/etc/passwd"} {
			pod := with(emptyDir(), Once(name, "ls", "/data"))
			pod.Spec.InitContainers = []corev1.Container{Container("first", "symlink", target, "/data/out")}
			pod.Spec.InitContainers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			pod.Spec.Containers[0].VolumeMounts[0].SubPath = "out"
			event := mustNotStart(ctx, f, pod, "Failed")
			Expect(event.Message).NotTo(ContainSubstring("/etc"), "what the event tells of the node's files")
		}
	})

	f.It("storage/sub-path-dots", func(ctx SpecContext) {
		for _, path := range []string{"..", "a/../../b", "/etc"} {
			pod := with(emptyDir(), Once("bad", "ls"))
			pod.Spec.Containers[0].VolumeMounts[0].SubPath = path
			MustRefuse(f.DryCreate(ctx, pod), 422, "spec.containers[0].volumeMounts", "subPath")
		}
	})

	f.It("storage/mount-propagation", func(ctx SpecContext) {
		pod := with(emptyDir(), two("mounts"))
		pod.Spec.Containers = append(pod.Spec.Containers, Container("closed", "sleep", "1h"))
		pod.Spec.Containers[2].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
		pod.Spec.Containers[0].VolumeMounts[0].MountPropagation = ptr.To(corev1.MountPropagationBidirectional)
		pod.Spec.Containers[1].VolumeMounts[0].MountPropagation = ptr.To(corev1.MountPropagationHostToContainer)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "mounts")
		f.MustExec(ctx, "mounts", "main", "/tool", "sh", "mkdir /data/new && tmpfs /data/new && write /data/new/word hello")
		Expect(f.MustExec(ctx, "mounts", "other", "/tool", "cat", "/data/new/word")).To(Equal("hello"), "seen HostToContainer")
		Expect(f.MustExec(ctx, "mounts", "closed", "/tool", "ls", "/data/new")).To(BeEmpty(), "seen without propagation")
		f.MustExec(ctx, "mounts", "main", "/tool", "umount", "/data/new")
		Expect(f.MustExec(ctx, "mounts", "other", "/tool", "ls", "/data/new")).To(BeEmpty(), "seen after it was unmounted")
	})

	f.It("storage/fs-group", func(ctx SpecContext) {
		pod := with(emptyDir(), Pod("group", "sleep", "1h"))
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000)), RunAsGroup: ptr.To(int64(3000)), FSGroup: ptr.To(int64(2000))}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "group")
		f.MustExec(ctx, "group", "", "/tool", "write", "/data/word", "hello")
		Expect(f.MustExec(ctx, "group", "", "/tool", "stat", "/data", "/data/word")).To(MatchRegexp(`^2777 0:2000 .*\n\d+ 1000:2000 `), "owners of the volume and of a new file")
		Expect(f.MustExec(ctx, "group", "", "/tool", "cat", "/proc/self/status")).To(MatchRegexp(`Groups:\s.*\b2000\b`), "groups of a process")
	})
})
