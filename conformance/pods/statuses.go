package pods

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("statuses", func() {
	f := New()

	f.It("pods/status-fields", func(ctx SpecContext) {
		pod := Pod("shown", "sleep", "1h")
		pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("16Mi")},
			Limits:   corev1.ResourceList{"memory": resource.MustParse("64Mi")},
		}
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		got := f.WaitPodReady(ctx, "shown")
		s := got.Status
		Expect(s.QOSClass).To(Equal(corev1.PodQOSBurstable))
		Expect(s.StartTime).NotTo(BeNil())
		Expect(s.HostIP).NotTo(BeEmpty())
		Expect(s.HostIPs).To(ContainElement(corev1.HostIP{IP: s.HostIP}))
		Expect(s.PodIPs).To(ContainElement(corev1.PodIP{IP: s.PodIP}))
		c := Status(got, "main")
		Expect(c.ContainerID).To(MatchRegexp(`^[a-z-]+://.+`), "runtime://id")
		Expect(c.ImageID).NotTo(BeEmpty())
		Expect(c.Image).NotTo(BeEmpty())
		Expect(c.Started).To(HaveValue(BeTrue()))
		Expect(c.State.Running).NotTo(BeNil())
		Expect(c.State.Running.StartedAt.IsZero()).To(BeFalse())
		Expect(c.LastTerminationState).To(Equal(corev1.ContainerState{}))
		Expect(c.AllocatedResources.Memory().String()).To(Equal("16Mi"))
		Expect(c.Resources).NotTo(BeNil())
		Expect(c.Resources.Limits.Memory().String()).To(Equal("64Mi"))
		Expect(c.VolumeMounts).To(ContainElement(And(HaveField("Name", "shared"), HaveField("MountPath", "/shared"))))
	})

	f.It("pods/observed-generation", func(ctx SpecContext) {
		pod := Pod("moving", "sleep", "1h")
		watched := f.WatchPod(ctx, "moving")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it is ready, at generation 1", one(func(p *corev1.Pod) bool { return Ready(p) && p.Generation == 1 && p.Status.ObservedGeneration == 1 }))
		f.Edit(ctx, pod, func() {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "more", Operator: corev1.TolerationOpExists})
		})
		Expect(pod.Generation).To(BeEquivalentTo(2), "a changed spec is another generation")
		got := watched.MustReach(ctx, "the kubelet has seen generation 2", one(func(p *corev1.Pod) bool { return p.Status.ObservedGeneration == 2 }))[0]
		for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady, corev1.PodInitialized, corev1.PodScheduled} {
			Expect(PodCondition(got, kind).ObservedGeneration).To(BeEquivalentTo(2), "generation of the condition %s", kind)
		}
		f.Edit(ctx, pod, func() { pod.Labels["more"] = "yes" })
		Expect(pod.Generation).To(BeEquivalentTo(2), "labels are not of the spec")
	})

	f.It("pods/waiting-reasons", func(ctx SpecContext) {
		// Slow init containers keep the rest waiting.
		slow := Pod("initializing", "sleep", "1h")
		slow.Spec.InitContainers = []corev1.Container{Container("init", "sleep", "1h")}
		misnamed := Pod("misnamed", "sleep", "1h")
		misnamed.Spec.Containers[0].Image = "Not/A:Name:At:All"
		wanting := Pod("wanting", "sleep", "1h")
		wanting.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{
			ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "none-such"}, Key: "a"}}}}
		f.Create(ctx, slow, misnamed, wanting)
		for name, reason := range map[string]string{
			"initializing": "PodInitializing", "misnamed": "InvalidImageName", "wanting": "CreateContainerConfigError",
		} {
			got := f.WatchPod(ctx, name).MustReach(ctx, "it waits as "+reason, one(func(p *corev1.Pod) bool { return WaitingReason(p, "main") == reason }))[0]
			Expect(got.Status.Phase).To(Equal(corev1.PodPending))
			Expect(PodCondition(got, corev1.PodReady).Reason).To(Equal("ContainersNotReady"))
			Expect(PodCondition(got, corev1.ContainersReady).Message).To(ContainSubstring("main"))
		}
	})

	f.It("pods/missing-command", func(ctx SpecContext) {
		pod := Pod("lost", "sleep", "1h")
		pod.Spec.Containers[0].Command = []string{"/none-such"}
		watched := f.WatchPod(ctx, "lost")
		f.Create(ctx, pod)
		got := watched.MustReach(ctx, "it waits, since its command cannot be started", one(func(p *corev1.Pod) bool {
			reason := WaitingReason(p, "main")
			return reason == "RunContainerError" || reason == "CreateContainerError" // at which step it is found is the runtime's
		}))[0]
		Expect(Status(got, "main").State.Waiting.Message).To(ContainSubstring("none-such"))
		Expect(Status(got, "main").Ready).To(BeFalse())
	})

	f.It("pods/completed-conditions", func(ctx SpecContext) {
		f.Create(ctx, Once("done", "exit", "0"), Once("broken", "exit", "1"))
		done, broken := f.WaitPodSucceeded(ctx, "done"), f.WaitPodFailed(ctx, "broken")
		for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
			Expect(PodCondition(done, kind)).To(And(HaveField("Status", corev1.ConditionFalse), HaveField("Reason", "PodCompleted")), "%s of a pod that has succeeded", kind)
			Expect(PodCondition(broken, kind)).To(And(HaveField("Status", corev1.ConditionFalse), HaveField("Reason", "PodFailed")), "%s of a pod that has failed", kind)
		}
		Expect(Terminated(done, "main").Reason).To(Equal("Completed"))
		Expect(Terminated(broken, "main").Reason).To(Equal("Error"))
	})
})
