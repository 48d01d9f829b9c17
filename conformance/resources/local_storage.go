package resources

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// storage limits a container's local storage.
func storage(limit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse(limit)}}
}

// evicted is the condition that the watched pod failed because its node ended it.
func evicted(pods []*corev1.Pod) bool {
	return len(pods) == 1 && pods[0].Status.Phase == corev1.PodFailed && pods[0].Status.Reason == "Evicted"
}

var _ = Describe("local storage", func() {
	f := New()

	f.It("resources/ephemeral-storage-limit", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "writer")
		pod := Pod("writer", "sh", "fill /tmp/file 24; sleep 1h")
		pod.Spec.Containers[0].Resources = storage("8Mi")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		pod.Spec.Containers[1].Resources = storage("1Gi")
		f.Create(ctx, pod)
		seen := watched.MustReach(ctx, "it is evicted", evicted)[0]
		Expect(seen.Status.Message).To(Equal(`Container main exceeded its local ephemeral storage limit "8Mi". `))
	})

	f.It("resources/ephemeral-storage-sum", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "writers")
		pod := Pod("writers", "sh", "fill /tmp/file 24; sleep 1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		pod.Spec.Containers[1].Resources = storage("8Mi")
		f.Create(ctx, pod)
		seen := watched.MustReach(ctx, "it is evicted", evicted)[0]
		Expect(seen.Status.Message).To(Equal("Pod ephemeral local storage usage exceeds the total limit of containers 8Mi. "))
	})

	f.It("resources/ephemeral-storage-volumes", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "writer")
		pod := Pod("writer", "sh", "fill /shared/file 24; sleep 1h")
		pod.Spec.Containers[0].Resources = storage("8Mi")
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		seen := watched.MustReach(ctx, "it is evicted", evicted)[0]
		Expect(seen.Status.Message).To(Equal("Pod ephemeral local storage usage exceeds the total limit of containers 8Mi. "))
	})

	f.It("resources/ephemeral-storage-logs", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "talker")
		pod := Pod("talker", "sh", "fill /tmp/file 1; cat /tmp/file; cat /tmp/file; cat /tmp/file; cat /tmp/file; sleep 1h")
		pod.Spec.Containers[0].Resources = storage("3Mi")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it is evicted", evicted)
	})

	f.It("resources/evicted-pod", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "writer")
		pod := Server("writer")
		SharedDir(&pod.Spec, "/shared")
		limit := resource.MustParse("1Mi")
		pod.Spec.Volumes[0].EmptyDir.SizeLimit = &limit
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it is ready", func(pods []*corev1.Pod) bool { return len(pods) == 1 && Ready(pods[0]) })
		f.MustExec(ctx, "writer", "main", "/tool", "fill", "/shared/file", "8")
		watched.Throughout(ctx, "a pod that is not over is not called evicted", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if p.Status.Reason == "Evicted" && p.Status.Phase != corev1.PodFailed {
					return "it is " + string(p.Status.Phase) + " and Evicted"
				}
			}
			return ""
		})
		seen := watched.MustReach(ctx, "it is evicted", evicted)[0]
		message := `Usage of EmptyDir volume "shared" exceeds the limit "1Mi". `
		Expect(seen.Status.Message).To(Equal(message))
		Expect(Terminated(seen, "main")).NotTo(BeNil(), "its container has ended, and is not started again")
		Expect(Status(seen, "main").RestartCount).To(BeZero())
		Expect(PodCondition(seen, corev1.PodReady).Status).To(Equal(corev1.ConditionFalse))
		disrupted := PodCondition(seen, corev1.DisruptionTarget)
		Expect([]string{string(disrupted.Status), disrupted.Reason, disrupted.Message}).To(Equal([]string{"True", "TerminationByKubelet", message}))
		event := f.WaitEvent(ctx, pod, "Evicted")
		Expect(event.Type).To(Equal(corev1.EventTypeWarning))
		Expect(event.Message).To(Equal(message))
	})

	f.It("resources/evicted-is-replaced", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "app=writer")
		pod := Pod("writer", "sleep", "1h")
		SharedDir(&pod.Spec, "/shared")
		limit := resource.MustParse("1Mi")
		pod.Spec.Volumes[0].EmptyDir.SizeLimit = &limit
		set := ReplicaSet("writer", 1, pod)
		f.Create(ctx, set)
		first := watched.MustReach(ctx, "it is ready", func(pods []*corev1.Pod) bool { return len(pods) == 1 && Ready(pods[0]) })[0]
		f.MustExec(ctx, first.Name, "main", "/tool", "fill", "/shared/file", "8")
		watched.MustReach(ctx, "it is evicted, and another is ready in its place", func(pods []*corev1.Pod) bool {
			over, fresh := false, false
			for _, p := range pods {
				over = over || p.UID == first.UID && p.Status.Reason == "Evicted"
				fresh = fresh || p.UID != first.UID && Ready(p)
			}
			return over && fresh
		})
	})
})
