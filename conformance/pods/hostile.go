package pods

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// Pods that mean harm, or are just wrong: whatever they do, the node goes on.
var _ = Describe("hostile pods", func() {
	f := New()

	f.It("pods/hostile-fork-bomb", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0].Name
		pod := Once("bomb", "fork-bomb")
		pod.Spec.NodeName = node
		pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}}
		f.Create(ctx, pod)
		f.WaitLog(ctx, "bomb", "", "no more: resource temporarily unavailable")
		f.MustServe(ctx, node)
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		f.MustServe(ctx, node)
	})

	f.It("pods/hostile-exec-flood", func(ctx SpecContext) {
		pod := Pod("busy", "sleep", "1h")
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "busy").Spec.NodeName
		const commands = 40
		answers := make([]string, commands)
		var all sync.WaitGroup
		for i := range commands {
			all.Go(func() {
				output, err := f.TryExec(ctx, "busy", "", nil, "/tool", "sh", fmt.Sprintf("echo answer %d; exit %d", i, i))
				answers[i] = fmt.Sprintf("%s %d %v", strings.TrimSpace(output.Stdout), output.Code, err)
			})
		}
		f.MustServe(ctx, node)
		all.Wait()
		for i, answer := range answers {
			Expect(answer).To(Equal(fmt.Sprintf("answer %d %d <nil>", i, i)), "what command %d of %d left", i, commands)
		}
	})

	f.It("pods/hostile-environment", func(ctx SpecContext) {
		// The kernel takes no single variable of more than 128 KiB: the program cannot be started.
		large := strings.Repeat("x", 200<<10)
		f.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Data: map[string]string{"LARGE": large}})
		pod := Once("large", "env")
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "large"}}}}
		watched := f.WatchPod(ctx, "large")
		f.Create(ctx, pod)
		// Some runtimes notice before the container counts as started, others after.
		reasons := []string{"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "Error"}
		seen := watched.MustReach(ctx, "its container has failed", one(func(p *corev1.Pod) bool {
			ended := Terminated(p, "main")
			return slices.Contains(reasons, WaitingReason(p, "main")) || ended != nil && ended.ExitCode != 0 && slices.Contains(reasons, ended.Reason)
		}))[0]
		f.MustServe(ctx, seen.Spec.NodeName)
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
	})

	f.It("pods/hostile-many-containers", func(ctx SpecContext) {
		const containers, volumes = 15, 60
		pod := Pod("many", "sleep", "1h")
		pod.Spec.Containers = nil
		for i := range containers {
			pod.Spec.Containers = append(pod.Spec.Containers, Container(fmt.Sprintf("c-%d", i), "sleep", "1h"))
		}
		for i := range volumes {
			name := fmt.Sprintf("v-%d", i)
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			for c := range pod.Spec.Containers {
				pod.Spec.Containers[c].VolumeMounts = append(pod.Spec.Containers[c].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/volumes/" + name})
			}
		}
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "many").Spec.NodeName
		f.MustExec(ctx, "many", "c-0", "/tool", "write", "/volumes/v-59/word", "hello")
		Expect(f.MustExec(ctx, "many", "c-14", "/tool", "cat", "/volumes/v-59/word")).To(Equal("hello"))
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		f.MustServe(ctx, node)
	})

	f.It("pods/hostile-orphans", func(ctx SpecContext) {
		pod := Pod("parent", "sleep", "1h")
		pod.Spec.ShareProcessNamespace = ptr.To(true)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "parent")
		Expect(f.MustExec(ctx, "parent", "", "/tool", "orphans", "20")).To(Equal("left 20"))
		f.WaitUntil(ctx, "of the pod's processes none is left that has ended", PodTimeout, func(ctx context.Context) (bool, string) {
			seen := f.MustExec(ctx, "parent", "", "/tool", "states")
			return !strings.Contains(seen, " Z") && strings.Count(seen, "\n") < 10, seen
		})
	})

	f.It("pods/hostile-kills-sandbox", func(ctx SpecContext) {
		pod := Pod("killer", "sleep", "1h")
		pod.Spec.ShareProcessNamespace = ptr.To(true)
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		watched := f.WatchPod(ctx, "killer")
		f.Create(ctx, pod)
		uid := f.WaitPodReady(ctx, "killer").UID
		// The first process of the pod ends, and with it the kernel ends all others.
		_, _ = f.TryExec(ctx, "killer", "main", nil, "/tool", "kill", "TERM", "1")
		seen := watched.MustReach(ctx, "both of its containers run again", one(func(p *corev1.Pod) bool {
			return Ready(p) && Status(p, "main").RestartCount > 0 && Status(p, "beside").RestartCount > 0
		}))[0]
		Expect(seen.UID).To(Equal(uid))
		f.WaitEvent(ctx, pod, "SandboxChanged")
		Expect(f.MustExec(ctx, "killer", "beside", "/tool", "addresses")).To(ContainSubstring(seen.Status.PodIP+"/"), "the address that the pod says it has")
	})

	f.It("pods/hostile-pre-stop", func(ctx SpecContext) {
		pod := Pod("stays", "sleep", "1h")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](2)
		pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: runs("sleep", "1h")}
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "stays").Spec.NodeName
		log := f.FollowLogs(ctx, "stays", "main")
		f.Delete(ctx, pod)
		Expect(log.WaitEnd(ctx, f)).To(Equal([]string{"got SIGTERM"}), "what the container notices of its end")
		f.WaitGone(ctx, pod)
		f.MustServe(ctx, node)
	})
})
