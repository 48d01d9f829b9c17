package resources

import (
	"context"
	"fmt"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// one is a condition of an observed pod that is there.
func one(so func(*corev1.Pod) bool) func([]*corev1.Pod) bool {
	return func(pods []*corev1.Pod) bool { return len(pods) == 1 && so(pods[0]) }
}

var _ = Describe("limits", func() {
	f := New()

	f.It("resources/sees-memory-limit", func(ctx SpecContext) {
		f.Create(ctx, sized("p", nil, list("memory", "48Mi"), "sleep", "1h"))
		f.WaitPodReady(ctx, "p")
		Expect(cgroup{f, "p", ""}.memory(ctx)).To(BeEquivalentTo(48 << 20))
	})

	f.It("resources/sees-cpu-limit", func(ctx SpecContext) {
		f.Create(ctx, sized("p", list("cpu", "10m"), list("cpu", "500m"), "sleep", "1h"))
		f.WaitPodReady(ctx, "p")
		Expect(cgroup{f, "p", ""}.cores(ctx)).To(BeNumerically("~", 0.5, 0.001))
	})

	f.It("resources/cpu-weight", func(ctx SpecContext) {
		// In version 2 of cgroups, about 26m of CPU are one unit of weight.
		pod := sized("p", list("cpu", "100m"), nil, "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("more", "sleep", "1h"), Container("none", "sleep", "1h"))
		pod.Spec.Containers[1].Resources.Requests = list("cpu", "300m")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "p")
		some, more, none := cgroup{f, "p", "main"}.weight(ctx), cgroup{f, "p", "more"}.weight(ctx), cgroup{f, "p", "none"}.weight(ctx)
		Expect(none).To(BeNumerically("<", some), "weight of a container that requests nothing, and 100m")
		Expect(some).To(BeNumerically("<", more), "weight of containers that request 100m and 300m")
	})

	f.It("resources/no-limits", func(ctx SpecContext) {
		f.Create(ctx, sized("p", list("cpu", "10m", "memory", "16Mi"), nil, "sleep", "1h"))
		f.WaitPodReady(ctx, "p")
		c := cgroup{f, "p", ""}
		Expect(c.memory(ctx)).To(BeZero(), "memory limit")
		Expect(c.cores(ctx)).To(BeZero(), "CPU limit")
	})

	f.It("resources/more-than-requested", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "p")
		f.Create(ctx, sized("p", list("memory", "8Mi"), list("memory", "256Mi"), "alloc", "64"))
		f.WaitLog(ctx, "p", "main", "64")
		watched.MustReach(ctx, "it is Ready", one(Ready))
		watched.MustNever(ctx, "its container ends", one(func(p *corev1.Pod) bool { return Terminated(p, "main") != nil }), Quiet)
	})

	f.It("resources/out-of-memory", func(ctx SpecContext) {
		pod := sized("p", nil, list("memory", "32Mi"), "alloc", "256")
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		f.Create(ctx, pod)
		end := Terminated(f.WaitPodFailed(ctx, "p"), "main")
		Expect(end).NotTo(BeNil(), "how the container ended")
		Expect(fmt.Sprint(end.ExitCode, " ", end.Reason)).To(Equal("137 OOMKilled"))
	})

	f.It("resources/out-of-memory-restart", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "p")
		f.Create(ctx, sized("p", nil, list("memory", "32Mi"), "alloc", "256"))
		restarted := watched.MustReach(ctx, "its container was restarted after OOMKilled", one(func(p *corev1.Pod) bool {
			end := Terminated(p, "main")
			return Status(p, "main").RestartCount >= 1 && end != nil && end.Reason == "OOMKilled" && end.ExitCode == 137
		}))[0]
		Expect(Ended(restarted)).To(BeFalse(), "phase %s", restarted.Status.Phase)
	})

	f.It("resources/cpu-throttled", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "p")
		f.Create(ctx, sized("p", list("cpu", "10m"), list("cpu", "100m"), "burn", "1h"))
		f.WaitPodReady(ctx, "p")
		f.WaitUntil(ctx, "the container uses up its CPU time", PodTimeout, func(ctx context.Context) (bool, string) {
			n := cgroup{f, "p", ""}.throttled(ctx)
			return n >= 5, fmt.Sprint(n, " periods")
		})
		watched.MustNever(ctx, "its container ends", one(func(p *corev1.Pod) bool { return Terminated(p, "main") != nil }), Quiet)
	})

	f.It("resources/oom-order", func(ctx SpecContext) {
		guaranteed := list("cpu", "10m", "memory", "16Mi")
		pods := []*corev1.Pod{sized("guaranteed", guaranteed, guaranteed, "sleep", "1h"), sized("burstable", list("memory", "16Mi"), nil, "sleep", "1h"), sized("best-effort", nil, nil, "sleep", "1h")}
		var scores []int
		for _, pod := range pods {
			f.Create(ctx, pod)
		}
		for _, pod := range pods {
			f.WaitPodReady(ctx, pod.Name)
			score, err := strconv.Atoi(f.MustExec(ctx, pod.Name, "", "/tool", "cat", "/proc/1/oom_score_adj"))
			Expect(err).NotTo(HaveOccurred())
			scores = append(scores, score)
		}
		Expect(scores[0]).To(BeNumerically("<", scores[1]), "Guaranteed and Burstable")
		Expect(scores[1]).To(BeNumerically("<", scores[2]), "Burstable and BestEffort")
		Expect(scores[2]).To(Equal(1000), "BestEffort")
	})

	f.It("resources/pod-level-limit", func(ctx SpecContext) {
		pod := sized("p", nil, nil, "alloc", "256")
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		pod.Spec.Resources = &corev1.ResourceRequirements{Limits: list("memory", "32Mi")}
		f.Create(ctx, pod)
		end := Terminated(f.WaitPodFailed(ctx, "p"), "main")
		Expect(end).To(HaveField("Reason", "OOMKilled"))
	})

	f.It("resources/node-too-small", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0]
		for name, kind := range map[string]corev1.ResourceName{"cpu": corev1.ResourceCPU, "memory": corev1.ResourceMemory} {
			pod := Pod(name, "sleep", "1h")
			amount := node.Status.Allocatable[kind].DeepCopy()
			amount.Add(resource.MustParse("1"))
			pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{kind: amount}
			pod.Spec.NodeName = node.Name
			f.Create(ctx, pod)
			failed := f.WaitPodFailed(ctx, name)
			Expect(failed.Status.Reason).To(Equal("OutOf" + name))
			Expect(failed.Status.Message).To(ContainSubstring("Node didn't have enough resource: " + name))
			Expect(Status(failed, "main").State.Running).To(BeNil())
			Expect(Status(failed, "main").ContainerID).To(BeEmpty(), "its container was made")
		}
	})
})
