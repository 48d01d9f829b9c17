package pods

import (
	"context"
	"encoding/json"
	"path"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("static pods", func() {
	f := New()

	// place makes, on a node, a pod that writes and removes files where its kubelet looks for static pods.
	place := func(ctx context.Context, name string) (node corev1.Node, write func(*corev1.Pod), remove func(context.Context)) {
		GinkgoHelper()
		node = f.Nodes(ctx)[0]
		writer := Pod("writer", "sleep", "1h")
		writer.Spec.NodeName = node.Name
		writer.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](0)}
		writer.Spec.Volumes = []corev1.Volume{{Name: "manifests", VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: f.StaticPodPath(ctx, node.Name), Type: ptr.To(corev1.HostPathDirectory)}}}}
		writer.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "manifests", MountPath: "/manifests"}}
		f.Create(ctx, writer)
		f.WaitPodReady(ctx, "writer")
		file := path.Join("/manifests", f.Namespace+"-"+name+".json")
		remove = func(ctx context.Context) { f.MustExec(ctx, "writer", "main", "/tool", "rm", file) }
		written := false
		write = func(pod *corev1.Pod) {
			GinkgoHelper()
			pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
			pod.Namespace = f.Namespace
			text, err := json.Marshal(pod)
			Expect(err).NotTo(HaveOccurred())
			if !written {
				written = true
				DeferCleanup(func(ctx SpecContext) { _, _ = f.TryExec(ctx, "writer", "main", nil, "/tool", "rm", file) })
			}
			f.MustExec(ctx, "writer", "main", "/tool", "write", file, string(text))
		}
		return node, write, remove
	}

	f.It("pods/static", func(ctx SpecContext) {
		node, write, remove := place(ctx, "web")
		mirror := "web-" + node.Name
		watched := f.WatchPod(ctx, mirror)
		write(Pod("web", "sleep", "1h"))
		pod := watched.MustReach(ctx, "its mirror says that it is ready", one(Ready))[0]
		Expect(pod.Spec.NodeName).To(Equal(node.Name))
		Expect(pod.Annotations).To(And(HaveKeyWithValue("kubernetes.io/config.source", "file"), HaveKey("kubernetes.io/config.seen"), HaveKey("kubernetes.io/config.hash")))
		Expect(pod.Annotations[corev1.MirrorPodAnnotationKey]).To(Equal(pod.Annotations["kubernetes.io/config.hash"]))
		Expect(pod.OwnerReferences).To(HaveLen(1))
		Expect(pod.OwnerReferences[0]).To(And(HaveField("Kind", "Node"), HaveField("Name", node.Name), HaveField("UID", node.UID), HaveField("Controller", HaveValue(BeTrue()))))
		Expect(pod.Spec.Tolerations).To(ContainElement(corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}))
		Expect(f.MustExec(ctx, mirror, "main", "/tool", "hostname")).To(Equal(mirror))
		remove(ctx)
		watched.MustReach(ctx, "the mirror is gone with the file", func(pods []*corev1.Pod) bool { return len(pods) == 0 })
	})

	f.It("pods/static-deletion", func(ctx SpecContext) {
		node, write, _ := place(ctx, "web")
		mirror := "web-" + node.Name
		watched := f.WatchPod(ctx, mirror)
		write(Pod("web", "sleep", "1h"))
		before := watched.MustReach(ctx, "its mirror says that it is ready", one(Ready))[0]
		f.Delete(ctx, before.DeepCopy())
		after := watched.MustReach(ctx, "it has another mirror", one(func(p *corev1.Pod) bool { return p.UID != before.UID && Ready(p) }))[0]
		Expect(Status(after, "main").ContainerID).To(Equal(Status(before, "main").ContainerID), "the container ran on")
		Expect(Status(after, "main").RestartCount).To(BeZero())
	})

	f.It("pods/static-change", func(ctx SpecContext) {
		node, write, _ := place(ctx, "web")
		mirror := "web-" + node.Name
		watched := f.WatchPod(ctx, mirror)
		write(Pod("web", "sleep", "1h"))
		before := watched.MustReach(ctx, "its mirror says that it is ready", one(Ready))[0]
		write(Pod("web", "sleep", "2h"))
		after := watched.MustReach(ctx, "another pod of the name is ready", one(func(p *corev1.Pod) bool {
			return Ready(p) && p.Spec.Containers[0].Args[1] == "2h"
		}))[0]
		Expect(after.UID).NotTo(Equal(before.UID))
		Expect(after.Annotations["kubernetes.io/config.hash"]).NotTo(Equal(before.Annotations["kubernetes.io/config.hash"]))
		Expect(Status(after, "main").ContainerID).NotTo(Equal(Status(before, "main").ContainerID))
	})
})
